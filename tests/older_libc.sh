#!/usr/bin/env bash
# An older C library and the Python of its release, unpacked into a folder: bash tests/older_libc.sh FOLDER. By apt, from
# Debian 12 (glibc 2.36, Python 3.11); nothing is installed.
set -euo pipefail
folder=$(realpath -m "$1")
release=${2:-bookworm}
packages=(libc6 libstdc++6 libgcc-s1 python3.11-minimal libpython3.11-minimal libpython3.11-stdlib libexpat1 zlib1g
  libffi8 libssl3 libbz2-1.0 liblzma5 libuuid1)
[ ! -x "$folder/usr/bin/python3.11" ] || exit 0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/debs" "$work/root"
echo "deb http://deb.debian.org/debian $release main" >"$work/sources.list"
options=(-qq -o "Dir::Etc::sourcelist=$work/sources.list" -o Dir::Etc::sourceparts=- -o "Dir::State::lists=$work/lists"
  -o "Dir::Cache=$work/cache" -o APT::Sandbox::User=root)
apt-get "${options[@]}" update
(cd "$work/debs" && apt-get "${options[@]}" download "${packages[@]/%//$release}")
for package in "$work"/debs/*.deb; do dpkg -x "$package" "$work/root"; done
mkdir -p "$(dirname "$folder")"
rm -rf "$folder"
mv "$work/root" "$folder"
