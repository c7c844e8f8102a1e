"""`relay keys`: what a lost state would lose, in a file that a passphrase opens."""
