export const delivery = {
  smtp: {
    title: 'SMTP',
    description: 'Connections send the mail. Campaigns choose one.',
    add: 'Add Connection',
    editTitle: 'Edit connection',
    name: 'Name', namePlaceholder: 'SES production', vendor: 'Vendor Type', host: 'Host', port: 'Port', secure: 'Secure', username: 'Username', password: 'Password', fromEmail: 'From Email', fromName: 'From Name', parallel: 'Parallel connections',
    passwordKept: 'Saved. Leave empty to keep it.', fromHelp: 'Fills the campaign builder.', parallelHelp: '1 to 100; 20 suits most servers.', enabled: 'Enabled', enabledHelp: 'A disabled connection sends nothing.',
    vendors: { catcher: 'Mail catcher', smtp: 'Generic SMTP' } as Record<string, string>,
    secures: { starttls: 'STARTTLS', tls: 'TLS', none: 'None' } as Record<string, string>,
    health: 'Health', server: 'Server', sender: 'Sender', usedBy: 'Used by', usedByCount: (n: number) => (n === 1 ? '1 campaign' : `${n} campaigns`), builtIn: 'Built in',
    test: 'Test Connection', testDetail: 'Signs in and sends one simple mail.', recipient: 'Recipient', sendTest: 'Send Test', reply: 'Server reply', succeeded: 'It works. The mail was accepted.',
    saved: 'Connection saved.', delete: 'Delete', deleteTitle: (name: string) => `Delete “${name}”?`, deleteConsequence: 'Its credentials are destroyed. Campaigns that were sent through it keep their reports.', deleted: 'Connection deleted.',
    emptyTitle: 'No connections', emptyText: 'Without a connection no campaign can launch. Add the SMTP server your mail goes through.',
  },
  catcher: {
    title: 'Mail catcher',
    description: 'Everything sent through the mail catcher lands here and nowhere else.',
    search: 'Search mail', clear: 'Clear', clearTitle: 'Clear the mail catcher?', clearConsequence: (n: string) => `${n} mails are deleted. Campaigns and reports are not touched.`, cleared: 'Mail catcher cleared.',
    emptyTitle: 'No mail yet', emptyText: 'Test mails, campaigns and password links sent through the mail catcher appear here within a second.', emptyAction: 'Open campaigns',
    choose: 'Choose a mail to read it.', tabs: { html: 'HTML', text: 'Text', headers: 'Headers', links: 'Links', source: 'Source' } as Record<string, string>,
    from: 'From', to: 'To', noHtml: 'This mail has no HTML part.', noText: 'This mail has no text part.', noLinks: 'This mail has no links.', noSubject: 'No subject', back: 'All mail', refresh: 'Refresh', frame: 'Mail content', list: 'Caught mail',
  },
};
