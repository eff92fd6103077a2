import { count, plural } from '$lib/format/format.svelte.ts';

/** Writing a mail and looking at it, in campaigns and templates alike. */
export const editing = {
  html: 'HTML', text: 'Plain text', parts: 'Part of the mail', textHelp: 'Empty: derived from the HTML.', htmlHelp: 'Write or paste HTML or MJML, or begin with a template.',
  insertTag: 'Insert tag', findTag: 'Find a tag', noTag: 'No tag is called so.',
  tagGroups: { customer: 'Customer', custom: 'Custom fields', links: 'Links', sender: 'Sender' },
  tags: {
    first_name: 'First name', last_name: 'Last name', email: 'Email', phone: 'Phone', city: 'City', country: 'Country', score: 'Score', timezone: 'Timezone',
    unsubscribe_url: 'Unsubscribe link', preferences_url: 'Preferences page', web_version_url: 'Web version',
    'organization.name': 'Organization', 'organization.address': 'Postal address', 'campaign.name': 'Campaign', now: 'Today',
  } as Record<string, string>,
  filters: { default: 'When there is no value', upcase: 'ALL CAPITALS', downcase: 'all small letters', capitalize: 'First letter capital', date: 'As a date', escape: 'Escaped' } as Record<string, string>,
  footerMissing: 'The mail has no unsubscribe link.', insertFooter: 'Insert footer', footerLink: 'Unsubscribe',
  problems: (errors: number, warnings: number) => [errors > 0 ? plural(errors, 'error', 'errors') : '', warnings > 0 ? plural(warnings, 'warning', 'warnings') : ''].filter(Boolean).join(', '),
  problemsTitle: 'Problems', error: 'Error', warning: 'Warning', noProblems: 'No problems', line: (line: number) => `Line ${count(line)}`,
  fields: { subject: 'Subject Line', preheader: 'Preheader Text', fromName: 'From Name', html: 'HTML', text: 'Plain text' },

  preview: 'Preview', view: 'How it is shown', views: { desktop: 'Desktop', phone: 'Phone', text: 'Text' }, dark: 'Dark', darkHelp: 'Roughly what an inbox in dark mode makes of it.',
  noSubject: 'No subject', noSender: 'No sender', drawing: 'Drawing the preview…', failed: 'The preview could not be drawn', unreadable: 'It can be seen once the errors are mended.',
  as: 'Seen as', sample: 'Sample person', findPerson: 'Find a customer',
  variant: 'Variant', variantLabel: (label: string) => `Variant ${label}`,
  reroll: 'Other choices', rerollHelp: (choices: number) => `Spintax: ${plural(choices, 'choice', 'choices')}. Each person always gets the same one.`,
  tooLarge: 'Gmail cuts off what is above 102 kB.',
  links: (links: number) => plural(links, 'link', 'links'), linksTitle: 'Where the links lead', untracked: 'not tracked', nowhere: 'Leads nowhere for this person: her field makes no address.',
};
