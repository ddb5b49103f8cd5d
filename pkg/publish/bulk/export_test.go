package bulk

// Limit bounds lines otherwise than MaxLine does.
func (l *Lines) Limit(most int64) { l.most = most }
