# Runs in the new root: what Debian's recipe for EC2 configures beside the packages
# (debian-cloud-images, config_space/13, classes DEBIAN, SYSTEM_BOOT and EC2).
config=/etc/cloud/cloud.cfg.d/01_debian_cloud.cfg
# Debian's mirror, as its cloud-init package names it, and the name that it has for AWS
mirror=$(sed -n 's|^ *primary: https://\([^/]*\)/debian$|\1|p' /etc/cloud/cloud.cfg)
mkdir -p /etc/apt/mirrors
echo "https://$mirror/debian" > /etc/apt/mirrors/debian.list
echo "https://$mirror/debian-security" > /etc/apt/mirrors/debian-security.list
sed -i "s|@MIRROR@|cdn-aws.$mirror|" $config

sed -i -e 's/^#PasswordAuthentication yes/PasswordAuthentication no/' \
    -e 's/^#PermitRootLogin .*/PermitRootLogin without-password/' /etc/ssh/sshd_config
echo 'ClientAliveInterval 120' >> /etc/ssh/sshd_config
systemctl enable systemd-networkd.service systemd-resolved.service
ln -sf /run/systemd/resolve/resolv.conf /etc/resolv.conf
rm -f /etc/ssh/ssh_host_*
for file in /etc/hostname /etc/machine-id; do
    : > $file
done
