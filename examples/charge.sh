#!/bin/sh
# A handler for msgctl consume: the event is on stdin, its properties are in the environment.
# The bank does not answer the first two attempts of order o-1, and does not know the customer of order o-2.
case $(cat) in
*o-1*)
  [ "$MESSAGE_ATTEMPT" -ge 3 ] && exit 0
  echo "the bank does not answer" >&2
  exit 75 ;; # temporary: retry
*o-2*)
  echo "no such customer" >&2
  exit 1 ;; # permanent: dead-letter
esac
