import Bowser from 'bowser';
import { LRUCache } from 'lru-cache';

/** What a request's headers say about who opened or clicked. */
export interface Agent {
  /** Mail program, webmail, proxy or browser; empty: not known. */
  readonly client: string;
  readonly device: 'Desktop' | 'Mobile' | 'Tablet' | '';
  /** Why no person made the request: `privacy_proxy`, `scanner`; null: nothing speaks against one. */
  readonly machine: 'privacy_proxy' | 'scanner' | null;
  /** A proxy fetched for her when she looked: where it stands is not where she is. */
  readonly isProxy: boolean;
}

export interface RequestHeaders {
  readonly userAgent: string;
  readonly referer: string;
}

/** Mail goes to a handful of programs: their few thousand user agents are read once. */
const known = new LRUCache<string, Agent>({ max: 5_000 });
/** Longer ones are made up. */
const MAX_LENGTH = 512;

/** Reads user agent and referrer. Webmail is told by its site, since the browser is what asks for the picture. */
export function readAgent({ userAgent, referer }: RequestHeaders): Agent {
  const agent = userAgent.slice(0, MAX_LENGTH);
  const site = siteOf(referer);
  const key = `${site}|${agent}`;
  let found = known.get(key);
  if (found === undefined) known.set(key, (found = classify(agent, site)));
  return found;
}

function classify(agent: string, site: string): Agent {
  const person = { machine: null, isProxy: false } as const;
  if (agent === '') return { ...person, client: '', device: '' };
  const proxy = proxies.find(({ pattern }) => pattern.test(agent));
  if (proxy !== undefined) return { client: proxy.client, device: '', machine: proxy.prefetches ? 'privacy_proxy' : null, isProxy: true };
  if (scanners.test(agent)) return { client: '', device: '', machine: 'scanner', isProxy: false };
  const device = deviceOf(agent);
  const program = programs.find(({ pattern }) => pattern.test(agent))?.client;
  if (program !== undefined) return { ...person, client: program, device };
  const webmail = webmails.find(({ pattern }) => pattern.test(site))?.client;
  return { ...person, client: webmail ?? browserOf(agent), device };
}

function siteOf(referer: string): string {
  if (referer === '' || !URL.canParse(referer)) return '';
  return new URL(referer).hostname;
}

/**
 * Proxies that ask in place of readers. `prefetches`: it asks whether or not anybody looks, so nobody did (Apple's Mail
 * Privacy Protection, Gmail's look at a new mail); the others ask when she opens the mail and keep the picture.
 */
const proxies: readonly { readonly client: string; readonly pattern: RegExp; readonly prefetches: boolean }[] = [
  { client: 'Apple Mail Privacy Protection', pattern: /^Mozilla\/5\.0$/, prefetches: true },
  { client: 'Gmail prefetch', pattern: /Edge\/12\.246 Mozilla\/5\.0/, prefetches: true },
  { client: 'Gmail', pattern: /GoogleImageProxy/i, prefetches: false },
  { client: 'Yahoo Mail', pattern: /YahooMailProxy|YahooCacheSystem/i, prefetches: false },
  { client: 'DuckDuckGo Email Protection', pattern: /DuckDuckGo-Email|DuckDuckBot-Https?-Images/i, prefetches: false },
];

/**
 * Gateways that look behind links, crawlers, and previews of chat programs, by the names they give themselves. Libraries
 * and browsers under control are not among them: programs of the reader's own are hers.
 */
const scanners = new RegExp([
  'barracuda', 'proofpoint', 'mimecast', 'ironport', 'fireeye', 'trendmicro', 'symantec', 'messagelabs', 'cloudmark', 'sophos', 'forcepoint', 'zscaler', 'trustwave', 'bitdefender', 'kaspersky', 'vadesecure',
  'safelinks', 'microsoft office existence discovery', 'bingpreview', 'virustotal', 'urlscan', 'google-safety', 'feedfetcher', 'google-read-aloud',
  'facebookexternalhit', 'slackbot', 'slack-imgproxy', 'twitterbot', 'linkedinbot', 'telegrambot', 'whatsapp\\/', 'discordbot', 'skypeuripreview', 'teamsbot', 'embedly',
  '\\bbot\\b', 'bot\\/', 'crawler', 'spider', 'link ?scanner',
].join('|'), 'i');

/** Programs that name themselves, most telling first: Outlook on a phone calls itself Safari too. */
const programs: readonly { readonly client: string; readonly pattern: RegExp }[] = [
  { client: 'Outlook', pattern: /Microsoft Outlook|MSOffice|Outlook-(?:iOS|Android)|OutlookMobile|\bms-office\b/i },
  { client: 'Windows Mail', pattern: /WindowsMail|Windows-Live-Mail/i },
  { client: 'Thunderbird', pattern: /Thunderbird|Betterbird/i },
  { client: 'Yahoo Mail', pattern: /YahooMobileMail|YMail\b/i },
  { client: 'Gmail', pattern: /GmailMobile|com\.google\.android\.gm\b/i },
  { client: 'Samsung Email', pattern: /SamsungEmail|SAMSUNG.*\bEmail\//i },
  { client: 'Spark', pattern: /\bSpark(?:Desktop|\/)|Readdle/i },
  { client: 'Airmail', pattern: /Airmail/i },
  { client: 'eM Client', pattern: /eM ?Client/i },
  { client: 'Evolution', pattern: /Evolution\//i },
  { client: 'KMail', pattern: /KMail/i },
  { client: 'Lotus Notes', pattern: /Lotus-Notes|HCL-Notes/i },
  { client: 'The Bat!', pattern: /The Bat!/i },
  { client: 'Postbox', pattern: /Postbox/i },
  { client: 'ProtonMail', pattern: /ProtonMail/i },
  // Mail on macOS and iOS: WebKit that names no browser.
  { client: 'Apple Mail', pattern: /(?:Macintosh|iPhone|iPad|iPod).*AppleWebKit\/[\d.]+ \(KHTML, like Gecko\)(?: Mobile\/\w+)?$/ },
];

/** Sites of webmail, as the referrer has them where the browser sends one. */
const webmails: readonly { readonly client: string; readonly pattern: RegExp }[] = [
  { client: 'Outlook on the web', pattern: /(?:^|\.)outlook\.(?:live|office|office365)\.com$|(?:^|\.)outlook\.com$|(?:^|\.)outlook\.cloud\.microsoft$/ },
  { client: 'Gmail', pattern: /^mail\.google\.com$/ },
  { client: 'Yahoo Mail', pattern: /(?:^|\.)mail\.yahoo\.(?:com|co\.jp)$/ },
  { client: 'AOL Mail', pattern: /(?:^|\.)mail\.aol\.com$/ },
  { client: 'iCloud Mail', pattern: /(?:^|\.)icloud\.com$/ },
  { client: 'GMX', pattern: /(?:^|\.)gmx\.(?:net|com|at|ch|de)$/ },
  { client: 'Web.de', pattern: /(?:^|\.)web\.de$/ },
  { client: 'Mail.ru', pattern: /(?:^|\.)mail\.ru$/ },
  { client: 'Yandex Mail', pattern: /^mail\.yandex\./ },
  { client: 'Proton Mail', pattern: /(?:^|\.)proton\.me$/ },
  { client: 'Zoho Mail', pattern: /^mail\.zoho\./ },
  { client: 'Fastmail', pattern: /(?:^|\.)fastmail\.com$/ },
];

function browserOf(agent: string): string {
  const { name } = Bowser.getParser(agent).getBrowser();
  return name === undefined || name === '' ? '' : (browserNames[name] ?? name);
}

const browserNames: Readonly<Record<string, string>> = { 'Microsoft Edge': 'Edge', 'Samsung Internet for Android': 'Samsung Internet', 'Android Browser': 'Android' };

function deviceOf(agent: string): Agent['device'] {
  switch (Bowser.getParser(agent).getPlatformType(true)) {
    case 'mobile': return 'Mobile';
    case 'tablet': return 'Tablet';
    case 'desktop': return 'Desktop';
    default: return '';
  }
}
