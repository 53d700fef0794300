#!/usr/bin/env bash
# unshare -n -m -u bash slurm_up.sh ROOT WORK: a slurmctld and two slurmd, the nodes gpu1 and cpu1, each in a network
# namespace of its own; a veth pair for each node ends on one bridge. ROOT is where fetch_slurm.sh has unpacked the
# packages. Writes WORK/ready, and stops everything at the end of its standard input. Each daemon has a /run of its own:
# commands prove who they are through a socket there, which would be that of the daemon that was started last, on
# this or on another cluster, and a command waits for ever where that one has been stopped.
set -euo pipefail
root=$1 work=$2
mkdir -p "$work/state"
mount --make-rprivate /
mount -t overlay overlay -o "lowerdir=$root/usr:/usr" /usr  # in this mount namespace only
mount -t tmpfs tmpfs /run
export SLURM_CONF=$work/slurm.conf
sed "s#WORK#$work#g" "$(dirname "$0")/slurm.conf" >"$SLURM_CONF"
(umask 077 && head -c 1024 /dev/urandom >"$work/slurm.key")
hostname controller
ip link set lo up
ip link add bridge type bridge
ip addr add 10.250.0.254/24 dev bridge
ip link set bridge up
slurmctld -D -c >"$work/controller.out" 2>&1 &
started=($!)
networks=()
stop() {  # whatever runs on a node, then the controller
  for network in "${networks[@]}"; do
    find /proc/[0-9]*/ns/net -lname "net:?$network?" 2>/dev/null | cut -d/ -f3 | xargs -r kill -KILL || true
  done
  kill -KILL "${started[@]}" 2>/dev/null || true
}
trap stop EXIT
number=1
for node in gpu1 cpu1; do
  unshare -n -m -u bash -c "echo \$\$ >'$work/$node.pid'; hostname $node; mount -t tmpfs tmpfs /run; mkdir /run/spool
    until ip link show eth0 >/dev/null 2>&1; do sleep 0.05; done
    ip link set lo up; ip addr add 10.250.0.$number/24 dev eth0; ip link set eth0 up
    exec slurmd -D -N $node" >"$work/$node.out" 2>&1 &
  started+=($!)
  until [ -s "$work/$node.pid" ]; do sleep 0.05; done
  until [ "$(readlink "/proc/$(cat "$work/$node.pid")/ns/net")" != "$(readlink /proc/$$/ns/net)" ]; do sleep 0.05; done
  networks+=("$(readlink "/proc/$(cat "$work/$node.pid")/ns/net" | tr -dc 0-9)")
  ip link add "to-$node" type veth peer name "at-$node"
  ip link set "to-$node" master bridge
  ip link set "to-$node" up
  ip link set "at-$node" netns "$(cat "$work/$node.pid")" name eth0
  number=$((number + 1))
done
for _ in $(seq 240); do
  if [ "$(sinfo -h -N -o %T | grep -cx idle)" = 2 ]; then break; fi  # and not idle*, which has not answered yet
  sleep 0.25
done
sinfo -h -N -o "%N %T" >"$work/nodes"
mv "$work/nodes" "$work/ready"  # whole as soon as it is there
cat >/dev/null
