export const delivery = {
  vendors: { catcher: 'Mail catcher', smtp: 'Generic SMTP' } as Record<string, string>,
  catcher: {
    title: 'Mail catcher',
    description: 'Everything sent through the mail catcher lands here and nowhere else.',
    search: 'Search mail', clear: 'Clear', clearTitle: 'Clear the mail catcher?', clearConsequence: (n: string) => `${n} mails are deleted. Campaigns and reports are not touched.`, cleared: 'Mail catcher cleared.',
    emptyTitle: 'No mail yet', emptyText: 'Test mails, campaigns and password links sent through the mail catcher appear here within a second.', emptyAction: 'Open campaigns',
    choose: 'Choose a mail to read it.', tabs: { html: 'HTML', text: 'Text', headers: 'Headers', links: 'Links', source: 'Source' } as Record<string, string>,
    from: 'From', to: 'To', noHtml: 'This mail has no HTML part.', noText: 'This mail has no text part.', noLinks: 'This mail has no links.', noSubject: 'No subject', back: 'All mail', refresh: 'Refresh', frame: 'Mail content', list: 'Caught mail',
  },
};
