"""The program on a host that fetches its lookup tables and installs them safely."""
