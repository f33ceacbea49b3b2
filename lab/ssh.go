package lab

import (
	"context"
	"fmt"
)

// sshSetup makes a node's sshd ready and starts it. The folder /run/sshd and host keys come with a boot that nodes do not have.
const sshSetup = `
mkdir -p /run/sshd /root/.ssh
ssh-keygen -A >/dev/null
cp /lab/operator.pub /root/.ssh/authorized_keys
chmod 700 /root/.ssh; chmod 600 /root/.ssh/authorized_keys
pgrep -x sshd >/dev/null || /usr/sbin/sshd -o UsePAM=no
`

// StartSSH starts a real sshd in every node and gives the root of one of them a key that all others accept. Host keys are
// accepted at first sight.
func (l *Lab) StartSSH(ctx context.Context, operator string) error {
	_, err := l.Exec(ctx, operator, "sh", "-ec", `mkdir -p /root/.ssh
[ -e /root/.ssh/id_ed25519 ] || ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519
printf 'StrictHostKeyChecking accept-new\n' >/root/.ssh/config
cp /root/.ssh/id_ed25519.pub /lab/operator.pub`)
	if err != nil {
		return fmt.Errorf("make a key for %s: %w", operator, err)
	}
	return l.each(func(n Node) error {
		_, err := l.Exec(ctx, n.Name, "sh", "-ec", sshSetup)
		return err
	})
}
