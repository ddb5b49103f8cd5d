package otlp

import (
	"mime"
	"net/http"
	"strings"
)

// partial is what a receiver says of a request that it took.
type partial struct {
	rejected int64
	message  string
}

// parsePartial reads an ExportTraceServiceResponse.
func parsePartial(body []byte) (p partial, err error) {
	const responsePartialSuccess, partialRejected, partialMessage = 1, 1, 2
	err = eachField(body, func(field, _ uint64, inner []byte) {
		if field != responsePartialSuccess {
			return
		}
		if bad := eachField(inner, func(field, number uint64, text []byte) {
			switch field {
			case partialRejected:
				p.rejected = max(int64(number), 0)
			case partialMessage:
				p.message = string(text)
			}
		}); bad != nil {
			p = partial{}
		}
	})
	return p, err
}

// complaint is why a receiver refuses a request: the message of a google.rpc.Status, or the text of
// some proxy.
func complaint(res *http.Response, body []byte) string {
	kind, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type")) // "" for nonsense
	text := ""
	switch kind {
	case contentType:
		const statusText = 2
		_ = eachField(body, func(field, _ uint64, inner []byte) { // as far as it goes
			if field == statusText {
				text = string(inner)
			}
		})
	case "text/plain", "application/json":
		text = string(body)
	}
	if text = strings.TrimSpace(strings.ToValidUTF8(text, "\uFFFD")); text == "" {
		return "it answers " + res.Status
	}
	const most = 300
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return "it answers " + res.Status + ": " + text
}
