package definitions

// vhostFields returns every place of a definitions file that names a vhost.
func (f *File) vhostFields() []*string {
	var list []*string
	for _, v := range f.VHosts {
		list = append(list, &v.Name)
	}
	for _, p := range f.Permissions {
		list = append(list, &p.VHost)
	}
	for _, p := range f.TopicPermissions {
		list = append(list, &p.VHost)
	}
	for _, p := range f.Parameters {
		list = append(list, &p.VHost)
	}
	for _, p := range f.Policies {
		list = append(list, &p.VHost)
	}
	for _, q := range f.Queues {
		list = append(list, &q.VHost)
	}
	for _, x := range f.Exchanges {
		list = append(list, &x.VHost)
	}
	for _, b := range f.Bindings {
		list = append(list, &b.VHost)
	}
	return list
}

// VHostNames returns the vhost of every object of the file, "" for one that names none.
func (f *File) VHostNames() []string {
	var names []string
	for _, v := range f.vhostFields() {
		names = append(names, *v)
	}
	return names
}

// MoveTo puts all objects of the file into one vhost.
func (f *File) MoveTo(vhost string) {
	for _, v := range f.vhostFields() {
		*v = vhost
	}
}
