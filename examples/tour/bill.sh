#!/bin/sh
# A handler for msgctl consume: the payload is on stdin, the properties of the message are in the environment.
# The bank does not answer the first two attempts of order o-1, and does not know the customer of order o-2
# until he is known to it: KNOWN=c-43.
order=$(cat)
case $order in
*'"o-1"'*)
  [ "$MESSAGE_ATTEMPT" -ge 3 ] && exit 0
  echo "the bank does not answer" >&2
  exit 75 ;; # temporary: retry
*'"c-43"'*)
  [ "$KNOWN" = c-43 ] && exit 0
  echo "unknown customer c-43" >&2
  exit 1 ;; # permanent: dead-letter
esac
