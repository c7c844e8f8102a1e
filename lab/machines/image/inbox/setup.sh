# Runs in the new root of the receiving provider; `lab.internet.inbox` writes its configuration.
systemctl mask systemd-timesyncd.service getty.target console-getty.service \
    systemd-networkd.service systemd-resolved.service systemd-logind.service ssh.service \
    systemd-networkd-wait-online.service apt-daily.timer apt-daily-upgrade.timer
rm -f /etc/machine-id
touch /etc/machine-id
