# Runs in the new root after the other: a machine with a kernel of its own needs nothing but its disk,
# which is in fstab; what a container has instead is not in it.
chmod 644 /etc/fstab
