// Package endpoint says which server the CLI talks to, and how: from flags, the
// environment and a file of named contexts.
//
//	# ~/.config/fairlead/config.yaml
//	currentContext: lab
//	contexts:
//	  lab:
//	    url: localhost:50051
//	  prod:
//	    url: fairlead.example.com:443
//	    caFile: /etc/ssl/example.pem
//
// # Model
//
// [Resolve] goes by the first of these that is there: the flag --url, the flag
// --context, the variable FAIRLEAD_URL, the file's currentContext, and localhost:50051.
// What --context names also says how to secure the connection to a --url given with it.
//
// An address is host:port; the port may be left out and is 50051 then. TLS is on but
// for this machine's own addresses (localhost, 127.0.0.0/8, ::1), where nothing listens
// in. http:// before it turns TLS off, https:// on (and the port is 443); so does noTLS
// in a context.
//
// The file may be absent. What is wrong in it is refused with the line, whether or not
// it matters for this call: a typing error in it must not send jobs somewhere else.
package endpoint
