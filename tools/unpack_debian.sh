#!/usr/bin/env bash
# unpack_debian.sh FOLDER RELEASE COMPONENT PACKAGE...: packages of a release of Debian, unpacked into a folder that is
# made whole or not at all. Nothing is installed.
set -euo pipefail
folder=$(realpath -m "$1") release=$2 component=$3
shift 3
[ ! -d "$folder" ] || exit 0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/debs" "$work/root"
echo "deb http://deb.debian.org/debian $release $component" >"$work/sources.list"
options=(-qq -o "Dir::Etc::sourcelist=$work/sources.list" -o Dir::Etc::sourceparts=- -o "Dir::State::lists=$work/lists"
  -o "Dir::Cache=$work/cache" -o APT::Sandbox::User=root)
apt-get "${options[@]}" update
(cd "$work/debs" && apt-get "${options[@]}" download "${@/%//$release}")
for package in "$work"/debs/*.deb; do dpkg -x "$package" "$work/root"; done
mkdir -p "$(dirname "$folder")"
mv "$work/root" "$folder"
