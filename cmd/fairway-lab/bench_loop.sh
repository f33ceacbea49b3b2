# The runbook's own loop, as a person types it in the frontend's network
# namespace: resolve, then try every answer for two seconds.
for ip in $(nslookup "tasks.$1" 127.0.0.11 | sed -n 's/^Address: //p'); do
	if nc -zw2 "$ip" "$2"; then echo "$ip open"; else echo "$ip failed"; fi
done
