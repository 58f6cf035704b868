#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Usage: test_policy.py POLICY -- on a private dbus-daemon, root owns and calls our name, and nobody else can.

Speaks the D-Bus protocol itself, because no command line tool can own a name, and one process can then play all parts.
"""
import os
import select
import shutil
import socket
import struct
import subprocess
import sys
import tempfile

NAME, OTHER_UID, DENIED = 'org.scopewright1', 65534, 'org.freedesktop.DBus.Error.AccessDenied'
CALL, RETURN, ERROR, SIGNAL = 1, 2, 3, 4
PATH, INTERFACE, MEMBER, ERROR_NAME, REPLY_SERIAL, DESTINATION = 1, 2, 3, 4, 5, 6

# The default context of the system bus, as the reference implementation ships it, and a peer that answers.
CONFIG = '''<busconfig><type>system</type><listen>unix:path={directory}/bus</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/><deny own="*"/><deny send_type="method_call"/><allow send_type="signal"/>
<allow send_requested_reply="true" send_type="method_return"/><allow send_requested_reply="true" send_type="error"/>
<allow receive_type="method_call"/><allow receive_type="method_return"/><allow receive_type="error"/>
<allow receive_type="signal"/><allow send_destination="org.freedesktop.DBus"/>
<allow own="test.Peer"/><allow send_destination="test.Peer"/></policy>{include}</busconfig>'''


def padded(data, to=8):
    return data + bytes(-len(data) % to)


def string(text):
    return struct.pack('<I', len(text)) + text.encode() + b'\0'


class Client:
    """A connection of the uid that makes it."""

    def __init__(self, path, uid=0):
        os.seteuid(uid)  # the bus sees the credentials of the moment of connect(2)
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        os.seteuid(0)
        self.socket.sendall(b'\0AUTH EXTERNAL %s\r\n' % str(uid).encode().hex().encode())
        assert self.socket.recv(4096).startswith(b'OK'), f'uid {uid} may not connect'
        self.socket.sendall(b'BEGIN\r\n')
        self.serial, self.inbox = 0, []
        self.unique = self.bus('Hello')['body']

    def send(self, kind, body=b'', signature='', **fields):
        """Fields by name: path, interface, member, destination, reply_serial."""
        self.serial += 1
        array = b''
        for name, value in fields.items():
            code = globals()[name.upper()]
            kind_of = {PATH: 'o', REPLY_SERIAL: 'u'}.get(code, 's')
            data = struct.pack('<I', value) if kind_of == 'u' else string(value)
            array = padded(array) + bytes([code, 1]) + kind_of.encode() + b'\0' + data
        if signature:
            array = padded(array) + bytes([8, 1]) + b'g\0' + bytes([len(signature)]) + signature.encode() + b'\0'
        head = struct.pack('<cBBBIII', b'l', kind, 0, 1, len(body), self.serial, len(array))
        self.socket.sendall(padded(head + array) + body)
        return self.serial

    def exactly(self, size):
        data = b''
        while len(data) < size:
            assert select.select([self.socket], [], [], 10)[0], 'the bus is silent'
            data += self.socket.recv(size - len(data)) or sys.exit('the bus closed the connection')
        return data

    def receive(self):
        """The next message: its kind, header fields by number, sender's serial, and a leading string or number."""
        _, kind, _, _, size, serial, fields = struct.unpack('<cBBBIII', self.exactly(16))
        array, message = padded(self.exactly(fields + -fields % 8)), {'kind': kind, 'serial': serial}
        at = 0
        while at < fields:
            code, signature = array[at], array[at + 2:at + 3]
            at += 4
            if signature == b'g':
                message[code], length = array[at + 1:at + 1 + array[at]].decode(), array[at] + 2
            else:
                value = struct.unpack_from('<I', array, at)[0]
                message[code], length = ((value, 4) if signature == b'u' else
                                         (array[at + 4:at + 4 + value].decode(), value + 5))
            at += length + -(at + length) % 8
        body = self.exactly(size)
        message['body'] = body[:4] and (body[4:-1].decode() if size > 4 else struct.unpack('<I', body)[0])
        return message

    def answer(self, serial):
        """The reply to our message `serial`; what else arrives goes to the inbox."""
        while (message := self.receive()).get(REPLY_SERIAL) != serial:
            self.inbox.append(message)
        return message

    def bus(self, member, body=b'', signature=''):
        bus = 'org.freedesktop.DBus'
        return self.answer(self.send(CALL, body, signature, path='/org/freedesktop/DBus', interface=bus, member=member,
                                     destination=bus))

    def own(self, name):
        return self.bus('RequestName', padded(string(name), 4) + struct.pack('<I', 4), 'su')

    def say(self, kind, member, **more):
        return self.send(kind, path='/org/scopewright1', interface='org.scopewright1.Manager', member=member, **more)

    def heard(self):
        """Members of all calls and signals on the interface that have reached us by now."""
        self.bus('GetId')
        messages, self.inbox = self.inbox, []
        return [m[MEMBER] for m in messages if m.get(INTERFACE) == 'org.scopewright1.Manager']


class Bus:
    def __init__(self, policy=''):
        self.directory = tempfile.mkdtemp(prefix='scopewright-policy-', dir='/tmp')  # a place other uids can reach
        os.chmod(self.directory, 0o755)
        include = f'<include>{os.path.abspath(policy)}</include>' if policy else ''
        with open(f'{self.directory}/bus.conf', 'w', encoding='ascii') as file:
            file.write(CONFIG.format(directory=self.directory, include=include))
        self.process = subprocess.Popen(['dbus-daemon', f'--config-file={self.directory}/bus.conf', '--nofork',
                                         '--nosyslog', '--print-address'], stdout=subprocess.PIPE)
        self.process.stdout.readline()

    def __enter__(self):
        return f'{self.directory}/bus'

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.directory)


results = []


def check(what, true):
    results.append(bool(true))
    print('ok' if true else 'FAILED', '-', what)


def finish(skipped=0):
    print(f'{sum(results)} passed, {len(results) - sum(results)} failed, {skipped} skipped')
    sys.exit(77 if skipped else 0 if all(results) else 1)


def unicast_and_broadcast(client, target, word):
    client.say(SIGNAL, word + 'Unicast', destination=target.unique)
    client.say(SIGNAL, word + 'Broadcast')
    client.bus('GetId')  # the bus has now dealt with both


def main(policy):
    with Bus(policy) as path:
        owner, caller, other = Client(path), Client(path), Client(path, OTHER_UID)
        check('another uid may not own the name', other.own(NAME).get(ERROR_NAME) == DENIED)
        check('root may own the name', owner.own(NAME)['body'] == 1)
        owner.bus('AddMatch', string("type='signal'"), 's')

        caller.say(CALL, 'Called', destination=NAME)
        caller.bus('GetId')
        check("root's call arrives", owner.heard() == ['Called'])
        for what, destination in ('name', NAME), ('unique name', owner.unique):
            reply = other.answer(other.say(CALL, 'Denied', destination=destination))
            check(f"another uid's call to the {what} is AccessDenied", reply.get(ERROR_NAME) == DENIED)
        unicast_and_broadcast(other, owner, 'Spoofed')
        check("another uid's signals do not arrive", owner.heard() == [])
        unicast_and_broadcast(caller, owner, 'Real')
        check("root's signals arrive", owner.heard() == ['RealUnicast', 'RealBroadcast'])

        assert other.own('test.Peer')['body'] == 1
        question = owner.say(CALL, 'Asked', destination='test.Peer')
        owner.bus('GetId')
        other.bus('GetId')
        other.send(RETURN, reply_serial=other.inbox[-1]['serial'], destination=owner.unique)
        check("another uid's answer to our question arrives", owner.answer(question)['kind'] == RETURN)

    with Bus() as path:
        owner, other = Client(path), Client(path, OTHER_UID)
        check('without the policy root may not own the name', owner.own(NAME).get(ERROR_NAME) == DENIED)
        unicast_and_broadcast(other, owner, 'Spoofed')
        check('without the policy a spoofed signal does arrive', owner.heard() == ['SpoofedUnicast'])
    finish()


if __name__ == '__main__':
    if os.geteuid() != 0 or not shutil.which('dbus-daemon'):
        print('needs root and dbus-daemon')
        finish(1)
    main(sys.argv[1])
