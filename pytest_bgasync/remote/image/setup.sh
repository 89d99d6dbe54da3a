#!/bin/sh
# Runs once, while the image is built. Arguments: the packages to install.
set -eu
lib=/usr/lib/bgasync

if [ $# -gt 0 ]; then
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -q
    case " $* " in
    *" logrotate "*)
        mkdir -p /tmp/no-cron/DEBIAN
        cp $lib/no-cron.control /tmp/no-cron/DEBIAN/control
        dpkg-deb --build /tmp/no-cron /tmp/no-cron.deb
        dpkg --install /tmp/no-cron.deb
        rm -r /tmp/no-cron /tmp/no-cron.deb
        ;;
    esac
    apt-get install -qy --no-install-recommends "$@"
    apt-get clean
    rm -rf /var/lib/apt/lists/*
fi

# One place for the interpreter, wherever the image keeps its own.
[ -x /usr/bin/python3 ] || ln -s "$(command -v python3)" /usr/bin/python3

# An ordinary user with sudo, as on a real machine: become has something to do.
id ansible >/dev/null 2>&1 || useradd --create-home --shell /bin/sh ansible
usermod --password '*' ansible
install -d /etc/bgasync/boot.d /etc/sudoers.d
install -m 0440 $lib/sudoers /etc/sudoers.d/bgasync
chmod 0755 $lib/init
[ -s $lib/host_key ] || ssh-keygen -q -t ed25519 -N '' -C '' -f $lib/host_key
