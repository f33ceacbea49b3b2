# The same on all nodes at once, as somebody does who keeps a script for it.
service=$1 target=$2 port=$3
shift 3
for host; do
	ssh -n "root@$host" sh /lab/each.sh "$service" "$target" "$port" &
done
wait
