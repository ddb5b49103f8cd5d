// Package archive reads and writes messages as NDJSON: one JSON object per line, one line per
// message, with everything needed to publish the message again exactly as it was. Files may be
// compressed with gzip or zstd.
//
// A line, here wrapped:
//
//	{"v":1,"queue":"dead-letter.queue","exchange":"dlx.exchange","routingKey":"orders.created.dlq","redelivered":true,
//	 "properties":{"contentType":"application/json","deliveryMode":2,"messageId":"m-1","timestamp":1795168800},
//	 "headers":{"tenant":"acme","x-retries":{"int32":3},"x-death":[{"table":{"queue":"orders.created.queue",…}}]},
//	 "body":"{\"orderId\":1}"}
//
// Empty members are omitted, except v and body. Timestamps are in seconds since 1970. The member
// seen, written only when watching messages, is the time of arrival in milliseconds. A body that is
// not valid UTF-8, or that would be longer as escaped text than as base64, is in bodyBase64 instead
// of body.
//
// Header values keep their AMQP type. Strings, booleans, arrays and nil are those of JSON. Every
// other type is an object with one member that names the type. Numbers are int8, uint8, int16,
// uint16, int32, uint32, int64, float32 and float64; "NaN:<bits in hex>", "+Inf" and "-Inf" are
// strings. The others are decimal ({"scale":2,"value":995}), timestamp (seconds), bytes (base64),
// table, and string64 (base64 of a string that is not valid UTF-8). Any other string that is not
// valid UTF-8, such as a table's key or a routing key, is written as "\u0000base64:" followed by
// its base64.
//
// Lines can be cut, merged, filtered and changed with the usual tools (jq -c, grep, head, cat).
// Each line is complete in itself: lines after a broken one can still be read.
package archive
