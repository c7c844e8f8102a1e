# Reads From fields as Perl's Mail::Address and Email::Address do: base64 of one a line in, a JSON list
# of addresses a line out.
use strict;
use warnings;
use Email::Address;
use JSON::PP;
use MIME::Base64;
use Mail::Address;

$| = 1;
while (my $line = <STDIN>) {
    my $value = decode_base64($line);
    my @found = map { $_->address } Mail::Address->parse($value);
    push @found, map { $_->address } Email::Address->parse($value);
    print encode_json([grep { defined } @found]), "\n";
}
