# What a node holds, gathered in the manner of libnetwork's support.sh: one
# program per table and namespace. Without an argument it reads what fairway
# reads; "rules" adds the packet filter of every namespace, as support.sh does.
part() { echo "### $*"; "$@" 2>&1; }

tables() {
	part "$@" ip -d -s link
	part "$@" ip addr
	part "$@" ip route show table all
	part "$@" ip neigh
	part "$@" bridge fdb
	part "$@" ss -tulnpe
	part "$@" cat /proc/net/snmp /proc/net/netstat /proc/net/softnet_stat
	part "$@" sysctl net.ipv4.ip_forward net.ipv4.neigh.default.gc_thresh3 net.ipv4.tcp_keepalive_time
	[ "$rules" ] || return
	for t in filter nat mangle; do part "$@" iptables -w1 -nvL -t "$t"; done
}

rules=$1
part docker version
part docker info
part docker node ls
part docker service ls
for s in $(docker service ls -q); do part docker service ps --no-trunc "$s"; done
for n in $(docker network ls -q -f driver=overlay); do part docker network inspect -v "$n"; done
for c in $(docker ps -q); do
	part docker inspect "$c"
	cat "$(docker inspect -f '{{.ResolvConfPath}}' "$c")"
done
tables env
for ns in /var/run/docker/netns/*; do tables nsenter --net="$ns"; done
