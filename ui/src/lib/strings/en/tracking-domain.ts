/** The settings of the custom tracking domain. */
export const trackingDomain = {
  detail: 'Links, pictures and the unsubscribe page of your mail begin with this host instead of the installation’s. Readers see a name they know, and your reputation is your own.',
  host: 'Custom Tracking Domain', placeholder: 'links.example.com',
  hostHelp: (host: string) => `A host of a domain of yours, used for nothing else. Until it is verified, ${host} serves.`,
  save: 'Save', saved: 'Host saved. Set its records next.',
  serves: (host: string) => `Links begin with ${host}.`, none: (host: string) => `No domain of your own: links begin with ${host}.`,
  states: { verified: 'Verified', unverified: 'Not verified' },
  records: '1. Set these records', recordsHelp: 'At the provider of your DNS.', type: 'Type', name: 'Name', value: 'Value', copy: (what: string) => `Copy the ${what}`,
  tls: '2. Have the proxy answer for it', tlsHelp: 'The proxy in front of Fermata needs a certificate for this host. One that gets certificates by itself may ask this address whether it should:',
  verifyTitle: '3. Verify', verifyHelp: 'Looks at the records, then opens https.', verify: 'Verify', checked: 'Checked', notChecked: 'Not checked yet.',
  checks: { txt: 'TXT record', cname: 'CNAME record', https: 'https' }, checkStates: { ok: 'right', failed: 'not right', waiting: 'not tried' },
  verifiedNow: 'Verified. New mail uses it from now on.', notYet: 'Not verified yet.',
  remove: 'Remove domain', removeTitle: (host: string) => `Stop using ${host}?`, removeConsequence: (host: string, other: string) => `New mail leads through ${other} again. Links that were sent go on working as long as the records of ${host} stay.`, removed: 'Removed.',
  earlier: (hosts: string) => `Links sent with ${hosts} go on working as long as the records there stay.`,
};
