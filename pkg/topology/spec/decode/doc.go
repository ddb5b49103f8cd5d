// Package decode fills Go structs from a tree of package source, by struct tags.
//
// The tag json has a field's name in the file, and jsonschema bounds its values (required, enum=,
// minimum=, maximum=, minLength=, minItems=, pattern=). example is what messages propose, and
// object says that the entries of a map are objects with names. The JSON Schema of the topology
// file is generated from the same tags. A struct that embeds Located remembers where it and its
// fields are written.
//
// Types with a form of their own in the file (Duration, Size, Age, Strings, Password and others)
// are NodeDecoders. A Decoder reports every problem with its position and what would be right, and
// continues.
package decode
