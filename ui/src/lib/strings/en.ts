import { account } from './en/account.ts';
import { audience } from './en/audience.ts';
import { campaigns } from './en/campaigns.ts';
import { common, states } from './en/common.ts';
import { delivery } from './en/delivery.ts';
import { forms } from './en/forms.ts';
import { segments } from './en/segments.ts';
import { settings } from './en/settings.ts';
import { shell } from './en/shell.ts';
import { table } from './en/table.ts';

/** Every word on the screens, in English. What only some screens need stands in files of its own beside these, and is loaded with them: the builder, editing, templates, connections, sending. */
export const strings = { account, audience, campaigns, common, delivery, forms, segments, settings, shell, table, states: states as Record<string, string> };
