# Runs in the new root: what Debian's AMI has switched on, and what a container cannot have off.
chmod 755 /usr/local/lib/lab/look-like-ec2
systemctl enable look-like-ec2.service systemd-networkd.service systemd-resolved.service
systemctl mask systemd-timesyncd.service apparmor.service getty.target console-getty.service \
    systemd-networkd-wait-online.service systemd-logind.service
rm -f /etc/ssh/ssh_host_* /etc/machine-id
touch /etc/machine-id
ln -sf ../run/systemd/resolve/stub-resolv.conf /etc/resolv.conf
printf '[Match]\nName=eth0\n[Network]\nDHCP=ipv4\nLinkLocalAddressing=no\n' \
    > /etc/systemd/network/eth0.network
