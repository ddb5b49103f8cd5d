package cmdutil

import "github.com/msgctl/msgctl/internal/refusal"

// remedyAdvice says how what may help against an error is asked for on the command line; "" for
// nothing.
func remedyAdvice(r refusal.Remedy) string {
	switch r {
	case refusal.TrustAuthority:
		return "name the authority's certificate with --tls-ca FILE, or tls.ca in the context; --insecure switches the " +
			"check off"
	case refusal.ExpectName:
		return "connect by a name of the certificate, or say which to expect: --tls-server-name NAME"
	case refusal.ClientCertificate:
		return "present one: --tls-cert FILE --tls-key FILE"
	case refusal.APIAddress:
		return "name the management API's address: --api http://HOST:15672"
	case refusal.WithoutAPI:
		return "--no-api declares exchanges, queues and bindings over AMQP alone"
	case refusal.ReplaceEmpty:
		return "--replace=empty allows apply to delete and create it, while it is unused and empty"
	}
	return ""
}
