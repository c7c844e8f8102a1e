"""The services of the lab's internet, each a program of Debian.

- unbound: the resolver, with real TTLs and negative caching;
- nginx: the AWS API, the ACME server and the package mirror under their true names, with TLS;
- pebble: the ACME server (Let's Encrypt's test server, whose state is in memory), and a second one
  as its staging environment, whose root no machine trusts by itself;
- a second nginx outside the lab's namespace: the package cache, the only way to the real internet.
"""

import contextlib
import fcntl
import json
import os
import re
import signal
import subprocess
from pathlib import Path

from lab.internet import private_zones
from lab.internet.authority import Authority
from lab.lab import API_PORT, HOME, Lab
from lab.machines.image import CACHE
from lab.machines.network import DNS, METADATA, RESOLVER, SERVICES, other
from lab.wait import within

ACME_NAME = "acme-v02.api.letsencrypt.org"
STAGING_NAME = "acme-staging-v02.api.letsencrypt.org"
# Let's Encrypt publishes the roots of its staging environment here.
ROOTS_NAME = "letsencrypt.org"
REGION = "us-east-1"
AWS_NAMES = (
    "amazonaws.com",
    "*.amazonaws.com",
    f"*.{REGION}.amazonaws.com",
    f"*.s3.{REGION}.amazonaws.com",
    "*.s3.amazonaws.com",
)
TUNNEL_PORT = 4567
# of Instance Connect Endpoints; the region makes their names (lab/region/instance_connect.py)
TUNNEL_NAMES = f"ec2-instance-connect-endpoint.{REGION}.amazonaws.com"
PEBBLE_PORT, PEBBLE_MANAGEMENT_PORT = 14000, 15000
STAGING_PORT, STAGING_MANAGEMENT_PORT = 14001, 15001
PACKAGES = CACHE / "packages"
TRUST = "etc/ssl/certs/ca-certificates.crt"


def mirrors(image: Path) -> list[str]:
    """The host names of the package mirrors in the image, the one in use first.

    At the first boot cloud-init rewrites apt's lists (`generate_mirrorlists`) to Debian's mirror
    for AWS, which cloud-init's own configuration names.
    """
    cloud_init = image / "etc/cloud"
    files = [
        *sorted((image / "etc/apt/mirrors").glob("*.list")),
        cloud_init / "cloud.cfg",
        *sorted((cloud_init / "cloud.cfg.d").glob("*.cfg")),
    ]
    found = re.findall(r"https?://([^/\s]+)/debian", "\n".join(f.read_text() for f in files))
    return list(dict.fromkeys(found))


def unbound_configuration(directory: Path) -> str:
    """A caching resolver whose only upstream is the lab's authoritative server."""
    return f"""server:
  interface: {RESOLVER}
  access-control: 0.0.0.0/0 allow
  do-ip6: no
  do-daemonize: no
  username: ""
  chroot: ""
  directory: "{directory}"
  pidfile: ""
  use-syslog: no
  module-config: "iterator"
  do-not-query-localhost: no
  num-threads: 1
  # the lab's own addresses have names; unbound would answer that such ranges have none (AS112)
  local-zone: "113.0.203.in-addr.arpa." nodefault
  local-zone: "100.51.198.in-addr.arpa." nodefault
  local-zone: "2.0.192.in-addr.arpa." nodefault
  local-zone: "10.in-addr.arpa." nodefault
include: "{directory}/{private_zones.FILE}"
remote-control:
  control-enable: yes
  control-interface: {directory}/unbound.ctl
  control-use-cert: no
forward-zone:
  name: "."
  forward-addr: {DNS}
"""


def nginx_configuration(lab: Lab, authority: Authority, image: Path) -> str:
    """The proxy that answers under the real names of AWS, the ACME server and the mirrors."""
    aws = authority.issue(*AWS_NAMES)
    acme = _acme(authority, ACME_NAME, PEBBLE_PORT)
    staging = _acme(authority, STAGING_NAME, STAGING_PORT)
    roots = authority.issue(ROOTS_NAME)
    names = mirrors(image)
    packages = authority.issue(*names)
    return f"""daemon off;
user root;
worker_processes 1;
pid {lab.directory}/nginx.pid;
error_log {lab.directory}/nginx.log;
events {{}}
http {{
  access_log off;
  client_max_body_size 16m;
  client_body_temp_path {lab.directory}/nginx-body;
  proxy_temp_path {lab.directory}/nginx-proxy;
  fastcgi_temp_path {lab.directory}/nginx-fastcgi;
  uwsgi_temp_path {lab.directory}/nginx-uwsgi;
  scgi_temp_path {lab.directory}/nginx-scgi;
  proxy_http_version 1.1;
  server {{
    listen {SERVICES}:443 ssl default_server;
    ssl_certificate {aws[0]};
    ssl_certificate_key {aws[1]};
    location / {{
      proxy_pass http://127.0.0.1:{API_PORT};
      proxy_set_header Host $http_host;
    }}
    # the control API is for the lab alone
    location /_lab/ {{ return 404; }}
    location /moto-api/ {{ return 404; }}
  }}
{_tunnels(authority)}{acme}{staging}  server {{
    listen {SERVICES}:443 ssl;
    server_name {ROOTS_NAME};
    ssl_certificate {roots[0]};
    ssl_certificate_key {roots[1]};
    # both staging roots by this prefix; the rest of their paths becomes a query, behind the "?"
    location /certs/staging/letsencrypt-stg-root- {{
      proxy_pass https://127.0.0.1:{STAGING_MANAGEMENT_PORT}/roots/0?;
    }}
  }}
  server {{
    listen {SERVICES}:80;
    listen {SERVICES}:443 ssl;
    server_name {" ".join(names)};
    ssl_certificate {packages[0]};
    ssl_certificate_key {packages[1]};
    # the same packages by each name: one of them is asked, and kept
    location / {{
      proxy_pass http://unix:{PACKAGES}/socket:;
      proxy_set_header Host {names[0]};
    }}
  }}
}}
"""


def _tunnels(authority: Authority) -> str:
    """nginx's server block for the tunnels of Instance Connect Endpoints, which are WebSockets."""
    chain, key = authority.issue(f"*.0123abcd.{TUNNEL_NAMES}")
    return f"""  server {{
    listen {SERVICES}:443 ssl;
    server_name *.{TUNNEL_NAMES};
    ssl_certificate {chain};
    ssl_certificate_key {key};
    location / {{
      proxy_pass http://127.0.0.1:{TUNNEL_PORT};
      proxy_set_header Host $http_host;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection upgrade;
      # tunnels may be silent; the region ends them
      proxy_read_timeout 2h;
      proxy_send_timeout 2h;
    }}
  }}
"""


def _acme(authority: Authority, name: str, port: int) -> str:
    """nginx's server block for a pebble, under the real name of the ACME server."""
    chain, key = authority.issue(name)
    pebble = f"https://127.0.0.1:{port}"
    return f"""  server {{
    listen {SERVICES}:443 ssl;
    server_name {name};
    ssl_certificate {chain};
    ssl_certificate_key {key};
    proxy_set_header Host $http_host;
    location = /directory {{ proxy_pass {pebble}/dir; }}
    location / {{ proxy_pass {pebble}; }}
  }}
"""


def pebble_configuration(authority: Authority, port: int, management_port: int) -> str:
    """Pebble with certificates of 90 days, as Let's Encrypt gives them."""
    chain, key = authority.issue("localhost")
    return json.dumps(
        {
            "pebble": {
                "listenAddress": f"127.0.0.1:{port}",
                "managementListenAddress": f"127.0.0.1:{management_port}",
                "certificate": str(chain),
                "privateKey": str(key),
                "httpPort": 80,
                "tlsPort": 443,
                "certificateValidityPeriod": 7776000,
            }
        }
    )


def commands(lab: Lab, authority: Authority, image: Path) -> dict[str, list[str]]:
    """Write every service's configuration and give the commands to run in the namespace."""
    directory = lab.directory
    (directory / "unbound.conf").write_text(unbound_configuration(directory))
    (directory / private_zones.FILE).write_text(private_zones.configuration(()))
    (directory / "nginx.conf").write_text(nginx_configuration(lab, authority, image))
    region = ["--port", str(API_PORT), "--dns", f"{DNS}:53", "--metadata", f"{METADATA}:80"]
    region += ["--service-address", SERVICES, "--ready", str(directory / "region.ready")]
    region += ["--consoles", str(directory / "machines")]
    region += ["--checkers", other(lab, "checkers").namespace, "--nodes", lab.namespace]
    region += ["--tunnels", str(TUNNEL_PORT)]
    region += ["--amazon", other(lab, "amazon").namespace, "--resolver", RESOLVER]
    region += ["--trust", str(directory / "machines/inbox/root" / TRUST)]
    for name in (ACME_NAME, STAGING_NAME, ROOTS_NAME, *mirrors(image)):
        region += ["--service-name", name]
    pebbles = {
        "pebble": (PEBBLE_PORT, PEBBLE_MANAGEMENT_PORT),
        "staging": (STAGING_PORT, STAGING_MANAGEMENT_PORT),
    }
    for name, ports in pebbles.items():
        configuration = pebble_configuration(authority, *ports)
        (directory / f"{name}.json").write_text(configuration)
    return {
        "region": ["python", "-m", "lab.region", *region],
        "unbound": ["unbound", "-d", "-c", str(directory / "unbound.conf")],
        "nginx": ["nginx", "-c", str(directory / "nginx.conf")],
        **{
            name: ["pebble", "-config", str(directory / f"{name}.json"), "-dnsserver", f"{DNS}:53"]
            for name in pebbles
        },
    }


def package_cache_configuration() -> str:
    """nginx as a cache by host and path; packages never change, indexes are asked for again."""
    resolvers = " ".join(
        line.split()[1]
        for line in Path("/etc/resolv.conf").read_text().splitlines()
        if line.startswith("nameserver")
    )
    return f"""daemon on;
worker_processes 1;
pid {PACKAGES}/nginx.pid;
error_log {PACKAGES}/error.log;
user root;
events {{}}
http {{
  access_log off;
  client_body_temp_path {PACKAGES}/body;
  proxy_temp_path {PACKAGES}/proxy;
  fastcgi_temp_path {PACKAGES}/fastcgi;
  uwsgi_temp_path {PACKAGES}/uwsgi;
  scgi_temp_path {PACKAGES}/scgi;
  proxy_cache_path {PACKAGES}/cache levels=2 keys_zone=packages:10m inactive=365d max_size=5g
                   use_temp_path=off;
  server {{
    listen unix:{PACKAGES}/socket;
    location / {{
      resolver {resolvers};
      proxy_pass http://$http_host$uri;
      proxy_http_version 1.1;
      proxy_cache packages;
      proxy_cache_key $http_host$uri;
      proxy_cache_valid 200 301 302 365d;
      proxy_cache_valid 404 1m;
      proxy_cache_lock on;
      # an index is good for a day; without the internet an older one still is
      location ~ /dists/ {{
        resolver {resolvers};
        proxy_pass http://$http_host$uri;
        proxy_cache packages;
        proxy_cache_key $http_host$uri;
        proxy_cache_valid 200 301 302 1d;
        proxy_cache_valid 404 1m;
        proxy_cache_use_stale error timeout updating http_500 http_502 http_503 http_504;
      }}
    }}
  }}
}}
"""


def start_package_cache() -> None:
    """One cache for all labs of this computer, started by the first."""
    PACKAGES.mkdir(parents=True, exist_ok=True)
    with _cache_lock():
        if _package_cache() is not None:
            return
        (PACKAGES / "socket").unlink(missing_ok=True)
        configuration = PACKAGES / "nginx.conf"
        configuration.write_text(package_cache_configuration())
        command = ["nginx", "-c", str(configuration)]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL, capture_output=True)


def stop_package_cache_after_the_last_lab() -> None:
    """Stop the cache's process if no lab is left; its files stay."""
    with contextlib.suppress(FileNotFoundError), _cache_lock():
        pid = _package_cache()
        if pid is None or (HOME.exists() and any(HOME.iterdir())):
            return
        os.kill(pid, signal.SIGTERM)
        within(10, lambda: not Path(f"/proc/{pid}").exists())


@contextlib.contextmanager
def _cache_lock():
    with (PACKAGES / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _package_cache() -> int | None:
    """The process id of the running cache, if it runs."""
    with contextlib.suppress(FileNotFoundError, ValueError):
        pid = int((PACKAGES / "nginx.pid").read_text())
        if b"nginx" in Path(f"/proc/{pid}/cmdline").read_bytes():
            return pid
    return None
