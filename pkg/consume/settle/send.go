package settle

// Acknowledger is the part of a subscription that sends acknowledgements.
type Acknowledger interface {
	Ack(tag uint64, multiple bool) error
}

// Send sends what Flush or FlushAll returned, the multiple one first. It ends at the first error: a
// lost connection takes no other.
func Send(to Acknowledger, multiple uint64, single []uint64) error {
	if multiple > 0 {
		if err := to.Ack(multiple, true); err != nil {
			return err
		}
	}
	for _, tag := range single {
		if err := to.Ack(tag, false); err != nil {
			return err
		}
	}
	return nil
}
