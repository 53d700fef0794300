#!/usr/bin/env bash
# fetch_slurm.sh DIR: Debian's packages of SLURM, unpacked into DIR/root. Nothing is installed.
set -euo pipefail
if [ -e "$1/complete" ]; then exit; fi
mkdir -p "$1/deb" "$1/root"
cd "$1/deb"
apt-get download -qq -o APT::Sandbox::User=root slurmctld slurmd slurm-client slurm-wlm-basic-plugins libb64-0d libhwloc15 libhwloc-plugins libjwt2 \
  liblua5.1-0 libmunge2 libnuma1 libpmix2t64 libreadline8t64
for package in *.deb; do dpkg -x "$package" ../root; done
cd ../root/usr
for program in sbin/*-wlm bin/*-wlm; do
  if [ -e "$program" ]; then ln -sf "$(basename "$program")" "${program%-wlm}"; fi
done
touch ../../complete
