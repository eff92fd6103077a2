import { expect, test } from 'vitest';
import { isPrivateAddress } from '../../infra/private-networks.ts';

test('addresses of the internet are public, of either family', () => {
  for (const address of ['8.8.8.8', '1.1.1.1', '172.15.255.255', '172.32.0.1', '100.63.255.255', '2001:4860:4860::8888', '2a00:1450:4001::1']) expect(isPrivateAddress(address), address).toBe(false);
});

test('every special range is private, also where one address carries another', () => {
  for (const address of [
    '0.0.0.0', '10.1.2.3', '100.64.0.1', '127.0.0.1', '169.254.169.254', '172.16.0.1', '192.0.0.8', '192.0.2.1', '192.168.1.1', '198.18.0.1', '198.51.100.7', '203.0.113.9', '224.0.0.1', '255.255.255.255',
    '::', '::1', '::ffff:127.0.0.1', '::ffff:8.8.8.8', '64:ff9b::7f00:1', '100::1', '2001::1', '2001:db8::1', '2002:7f00:1::', 'fc00::1', 'fd12::1', 'fe80::1', 'ff02::1',
  ]) expect(isPrivateAddress(address), address).toBe(true);
});
