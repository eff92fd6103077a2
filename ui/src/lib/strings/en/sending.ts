/** Settings of all mail of the organization. */
export const sending = {
  saved: 'Settings saved.',
  cap: 'Frequency cap', capHelp: 'So many mails a customer gets at most, campaigns and journeys together. What is above is skipped, and said in the report.', capMails: 'At most', mails: 'mails', capDays: 'In', days: 'days',
  stops: 'Safety stops', stopsHelp: 'A campaign pauses itself when complaints go above 0.3 % or hard bounces above 10 %, after 500 mails.',
  defaults: 'Tracking', defaultsHelp: 'What new campaigns begin with; each can be changed.',
};
