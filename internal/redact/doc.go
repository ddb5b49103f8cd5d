// Package redact keeps credentials out of everything that msgctl shows: errors, plans, logs, spans,
// reports, and the headers that it writes.
//
// It works in two ways, and Text does both. Secrets that the process has read (Know) are masked
// wherever they appear, in the forms that JSON, URLs and Go give them. Credentials in URIs are
// found by structure, so that those nobody read are masked, too: the broker repeats a shovel's URI
// when it refuses it.
//
// Limits: a secret shorter than MinLength is masked in URIs and as the value of a field whose name
// says secret (password: ab1). Words that are no secret to anybody (guest) are masked in URIs only.
// Masking them everywhere would make texts unreadable. A name that is equal to a longer secret is
// masked, too, because a text does not tell which of the two it means.
package redact
