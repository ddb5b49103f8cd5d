package health

import (
	"fmt"
	"net"
	"slices"
	"strings"
)

func accessChecks() []Check {
	return []Check{
		{
			ID: "default-credentials", Title: "Nobody can log in as guest",
			Why: "Everybody knows the password, and guest is an administrator.", run: checkDefaultCredentials,
			Fix: "rabbitmqctl add_user NAME; rabbitmqctl set_user_tags NAME administrator; then rabbitmqctl delete_user guest",
		},
		{
			ID: "password-hashes", needs: PartUsers, Title: "Passwords are hashed with SHA-2",
			Why: "Passwords that are hashed with MD5 can be recovered from a definitions file.", run: checkHashes,
			Fix: "Change the password: rabbitmqctl change_password NAME. The new hash is SHA-256.",
		},
		{
			ID: "vhosts", Title: "Applications have vhosts of their own",
			Why: "In a shared vhost every application can read and delete the queues of the others, and limits and policies " +
				"apply to all of them.", run: checkVHosts,
			Fix: "Declare a vhost for each application, with a user that has permissions in it alone (vhosts:, users: and " +
				"permissions: of a topology file).",
		},
		{
			ID: "permissions", needs: PartPermissions, Title: "Users have no more permissions than they need",
			run: func(in *Inspection) (Status, []string) {
				return found(in, "no user has permissions that are wider than they look", "permission-for-everything",
					"permission-unanchored")
			},
			Why: "A mistake or a break-in reaches more than it needs to.",
			Fix: "Narrow them: msgctl lint on the live broker shows what each of them matches.",
		},
		{
			ID: "tls", uses: PartConnections, Title: "Clients connect with TLS",
			Why: "Passwords and messages can be read and changed on the network.", run: checkTLS,
			Fix: "Listen with TLS (listeners.ssl.default = 5671 and ssl_options.* in rabbitmq.conf), and give clients " +
				"amqps:// URLs.",
		},
	}
}

func checkDefaultCredentials(in *Inspection) (Status, []string) {
	switch {
	case in.GuestWorks:
		return Error, []string{"user \"guest\" logs in with the password guest"}
	case !in.Has(PartUsers):
		return OK, []string{"guest cannot log in with the password guest from here (msgctl cannot tell whether it exists: " +
			in.Unread[PartUsers] + ")"}
	case slices.ContainsFunc(in.Users, func(u User) bool { return u.Name == "guest" }):
		return OK, []string{"user \"guest\" exists, and cannot log in with the password guest from here"}
	}
	return OK, []string{"there is no user \"guest\""}
}

func checkHashes(in *Inspection) (Status, []string) {
	var weak []string
	for _, u := range in.Users {
		if !u.NoPassword && strings.HasSuffix(u.Algorithm, "md5") {
			weak = append(weak, u.Name)
		}
	}
	if len(weak) > 0 {
		return Warning, []string{plural(len(weak), "user has", "users have") + " a password hashed with MD5: " +
			NameSome(weak)}
	}
	return OK, []string{plural(len(in.Users), "user", "users") + ", none with MD5"}
}

func checkVHosts(in *Inspection) (Status, []string) {
	root := 0
	for _, w := range in.Work {
		if w[0] == "/" {
			root++
		}
	}
	switch others := len(in.VHosts) - 1; {
	case !slices.Contains(in.VHosts, "/"):
		return OK, []string{plural(len(in.VHosts), "vhost", "vhosts") + ", none of them /"}
	case root == 0:
		return OK, []string{fmt.Sprintf("no queue of an application in the vhost /, %s beside it",
			plural(others, "vhost", "vhosts"))}
	case others == 0:
		return Warning, []string{fmt.Sprintf("%s, all in the vhost /, and there is no other",
			plural(root, "queue", "queues"))}
	default:
		return Warning, []string{fmt.Sprintf("%s in the vhost /, with %s beside it", plural(root, "queue", "queues"),
			plural(others, "vhost", "vhosts"))}
	}
}

func checkTLS(in *Inspection) (Status, []string) {
	secure := false
	for _, l := range in.Listeners {
		secure = secure || strings.HasSuffix(l.Protocol, "ssl") || l.Protocol == "amqps"
	}
	listening := "no node listens for AMQP with TLS"
	if secure {
		listening = "a node listens with TLS"
	}
	if !in.Has(PartConnections) {
		if secure {
			return Unknown, []string{listening + "; msgctl cannot tell who uses it: " + in.Unread[PartConnections]}
		}
		return Warning, []string{listening}
	}
	var plain []string
	local := 0
	for _, c := range in.Connections {
		switch {
		case c.TLS:
		case loopback(c.Peer):
			local++
		default:
			plain = append(plain, c.Name)
		}
	}
	switch {
	case len(plain) > 0:
		return Warning, []string{fmt.Sprintf("%s from other machines without TLS: %s",
			plural(len(plain), "connection", "connections"), NameSome(plain)), listening}
	case !secure:
		return Warning, []string{listening}
	}
	return OK, []string{fmt.Sprintf("%s; of %s none comes from another machine without it", listening,
		plural(len(in.Connections), "connection", "connections"))}
}

// loopback reports whether a peer is the broker's own machine.
func loopback(peer string) bool {
	ip := net.ParseIP(strings.Trim(peer, "[]"))
	return ip != nil && ip.IsLoopback()
}
