import { BlockList, isIPv6 } from 'node:net';

// A list each: a rule for mapped addresses among those of IPv6 would match every IPv4 address.
const networks4 = new BlockList();
const networks6 = new BlockList();
// IANA's special-purpose registries (RFC 6890), with addresses that carry an IPv4 one inside: mapped, NAT64, 6to4, Teredo.
for (const [network, prefix] of [
  ['10.0.0.0', 8], ['172.16.0.0', 12], ['192.168.0.0', 16], ['127.0.0.0', 8], ['169.254.0.0', 16], ['100.64.0.0', 10], ['0.0.0.0', 8], ['224.0.0.0', 3],
  ['192.0.0.0', 24], ['192.0.2.0', 24], ['192.88.99.0', 24], ['198.18.0.0', 15], ['198.51.100.0', 24], ['203.0.113.0', 24],
] as const) networks4.addSubnet(network, prefix, 'ipv4');
for (const [network, prefix] of [
  ['::', 96], ['fc00::', 7], ['fe80::', 10], ['fec0::', 10], ['ff00::', 8], ['::ffff:0:0', 96], ['64:ff9b::', 96], ['64:ff9b:1::', 48], ['100::', 64], ['2001::', 23], ['2001:db8::', 32], ['2002::', 16], ['3fff::', 20],
] as const) networks6.addSubnet(network, prefix, 'ipv6');

/** Whether an IP address is on this machine or a private network: a name that a user gave must not lead there. */
export function isPrivateAddress(address: string): boolean {
  return isIPv6(address) ? networks6.check(address, 'ipv6') : networks4.check(address, 'ipv4');
}
