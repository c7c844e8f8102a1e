# Runs in the new root after the other: what a container cannot have.
chmod 755 /usr/local/lib/lab/look-like-ec2
systemctl enable look-like-ec2.service
systemctl mask systemd-timesyncd.service apparmor.service getty.target console-getty.service \
    systemd-networkd-wait-online.service
printf '[Match]\nName=eth0\n[Network]\nDHCP=ipv4\nLinkLocalAddressing=no\n' \
    > /etc/systemd/network/eth0.network
