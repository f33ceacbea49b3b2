# The runbook's loop from every task of a service on this node.
for c in $(docker ps -q -f "label=com.docker.swarm.service.name=$1"); do
	nsenter -n -t "$(docker inspect -f '{{.State.Pid}}' "$c")" sh /lab/loop.sh "$2" "$3"
done
