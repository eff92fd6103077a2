import { account } from './en/account.ts';
import { audience } from './en/audience.ts';
import { campaigns } from './en/campaigns.ts';
import { common, states } from './en/common.ts';
import { connections } from './en/connections.ts';
import { delivery } from './en/delivery.ts';
import { editor } from './en/editor.ts';
import { forms } from './en/forms.ts';
import { segments } from './en/segments.ts';
import { sending } from './en/sending.ts';
import { settings } from './en/settings.ts';
import { shell } from './en/shell.ts';
import { table } from './en/table.ts';
import { templates } from './en/templates.ts';

/** Every word on the screens, in English. */
export const strings = { account, audience, campaigns, common, connections, delivery, editor, forms, segments, sending, settings, shell, table, templates, states: states as Record<string, string> };
