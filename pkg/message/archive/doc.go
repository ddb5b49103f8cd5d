// Package archive reads and writes messages as NDJSON: one JSON object a line, one line a message,
// with everything needed to publish it again exactly as it was. Files may be compressed with gzip
// or zstd.
//
// A line, here wrapped:
//
//	{"v":1,"queue":"dead-letter.queue","exchange":"dlx.exchange","routingKey":"orders.created.dlq","redelivered":true,
//	 "properties":{"contentType":"application/json","deliveryMode":2,"messageId":"m-1","timestamp":1795168800},
//	 "headers":{"tenant":"acme","x-retries":{"int32":3},"x-death":[{"table":{"queue":"orders.created.queue",…}}]},
//	 "body":"{\"orderId\":1}"}
//
// Members are left out when empty, except v and body. Timestamps are seconds since 1970; seen,
// which only those who watch messages write, is when the message came, in milliseconds. A body that
// is not valid UTF-8, or would grow more as escaped text, is in bodyBase64 instead of body.
//
// Header values keep their AMQP type. Strings, booleans, arrays and nil are those of JSON; every
// other type is an object with one member that names it: int8, uint8, int16, uint16, int32, uint32,
// int64, float32, float64 (numbers; "NaN:<bits in hex>", "+Inf" and "-Inf" as strings), decimal
// ({"scale":2,"value":995}), timestamp (seconds), bytes (base64), table, and string64 (base64 of a
// string that is not valid UTF-8). Any other string that is not valid UTF-8, such as a table's key
// or a routing key, is written as "\u0000base64:" and its base64.
//
// Lines can be cut, merged, filtered and changed with the usual tools (jq -c, grep, head, cat). A
// line is complete in itself; what follows a broken one can still be read.
package archive
