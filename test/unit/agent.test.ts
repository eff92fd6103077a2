import { expect, test } from 'vitest';
import { readAgent } from '../../infra/engagement/agent.ts';
import { openPlaces } from '../../infra/engagement/place.ts';

const WEBKIT = 'AppleWebKit/605.1.15 (KHTML, like Gecko)';
const CHROME = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36';

test.for([
  ['Apple Mail on a phone', `Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) ${WEBKIT} Mobile/15E148`, '', { client: 'Apple Mail', device: 'Mobile', machine: null }],
  ['Apple Mail on a tablet', `Mozilla/5.0 (iPad; CPU OS 17_5 like Mac OS X) ${WEBKIT} Mobile/15E148`, '', { client: 'Apple Mail', device: 'Tablet' }],
  ['Apple Mail on a desk', `Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) ${WEBKIT}`, '', { client: 'Apple Mail', device: 'Desktop' }],
  ['Safari', `Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) ${WEBKIT} Version/17.5 Safari/605.1.15`, '', { client: 'Safari', device: 'Desktop' }],
  ['Mail Privacy Protection', 'Mozilla/5.0', '', { client: 'Apple Mail Privacy Protection', machine: 'privacy_proxy', isProxy: true }],
  ['Gmail', 'Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)', '', { client: 'Gmail', device: '', machine: null, isProxy: true }],
  ['Gmail looking at a new mail', 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/42.0.2311.135 Safari/537.36 Edge/12.246 Mozilla/5.0', '', { machine: 'privacy_proxy' }],
  ['Yahoo', 'YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html', '', { client: 'Yahoo Mail', machine: null, isProxy: true }],
  ['Outlook', 'Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 10.0; WOW64; Trident/7.0; .NET4.0C; Microsoft Outlook 16.0.17531)', '', { client: 'Outlook', device: 'Desktop' }],
  ['Outlook on a phone', `Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) ${WEBKIT} Mobile/15E148 Outlook-iOS/729.2`, '', { client: 'Outlook', device: 'Mobile' }],
  ['Outlook on the web', CHROME, 'https://outlook.live.com/mail/0/', { client: 'Outlook on the web', device: 'Desktop' }],
  ['GMX on the web', CHROME, 'https://navigator.gmx.net/mail', { client: 'GMX' }],
  ['Thunderbird', 'Mozilla/5.0 (X11; Linux x86_64; rv:115.0) Gecko/20100101 Thunderbird/115.12.2', '', { client: 'Thunderbird', device: 'Desktop' }],
  ['Chrome', CHROME, '', { client: 'Chrome', device: 'Desktop', machine: null, isProxy: false }],
  ['Chrome on a phone', 'Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36', '', { client: 'Chrome', device: 'Mobile' }],
  ['a gateway', 'Mozilla/5.0 (compatible; Barracuda Sentinel (EE))', '', { machine: 'scanner' }],
  ['a crawler', 'Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)', '', { machine: 'scanner' }],
  ['a preview', 'Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)', '', { machine: 'scanner' }],
  ['who says nothing', '', '', { client: '', device: '', machine: null }],
  ['a program of the reader', 'curl/8.5.0', '', { machine: null }],
  ['nonsense', '\u0000'.repeat(10_000), 'not an address', { machine: null }],
] as const)('%s', ([, userAgent, referer, expected]) => {
  expect(readAgent({ userAgent, referer })).toMatchObject(expected);
});

test('addresses of both kinds have a country; those of no public network have none', () => {
  const places = openPlaces(undefined);
  const country = (address: string | undefined) => places.find(address).country;
  expect([country('8.8.8.8'), country('::ffff:81.2.69.142'), country('2003:e0:1::1')]).toEqual(['US', 'GB', 'DE']);
  expect([country('127.0.0.1'), country('10.1.2.3'), country('nonsense'), country(undefined), country('')]).toEqual(['', '', '', '', '']);
});

test('a database of cities that cannot be read names its setting', () => {
  expect(() => openPlaces('/nowhere/cities.mmdb')).toThrow(/FERMATA_GEO_CITY_DB/);
});
