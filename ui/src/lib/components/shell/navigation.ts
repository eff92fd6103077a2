import Ban from '@lucide/svelte/icons/ban';
import ChartColumn from '@lucide/svelte/icons/chart-column';
import ClipboardPen from '@lucide/svelte/icons/clipboard-pen-line';
import Columns3 from '@lucide/svelte/icons/columns-3';
import FileDown from '@lucide/svelte/icons/file-down';
import Filter from '@lucide/svelte/icons/list-filter';
import Inbox from '@lucide/svelte/icons/inbox';
import LayoutDashboard from '@lucide/svelte/icons/layout-dashboard';
import LayoutTemplate from '@lucide/svelte/icons/layout-template';
import ListIcon from '@lucide/svelte/icons/list';
import Send from '@lucide/svelte/icons/send';
import Server from '@lucide/svelte/icons/server';
import Settings from '@lucide/svelte/icons/settings';
import Upload from '@lucide/svelte/icons/upload';
import Users from '@lucide/svelte/icons/users';
import Waypoints from '@lucide/svelte/icons/waypoints';
import { strings } from '$lib/strings/en.ts';

export interface Destination { href: string; label: string; icon: typeof Send; nested?: boolean }

/** The sidebar's order; only what exists is listed. */
export const destinations: readonly Destination[] = [
  { href: '/', label: strings.shell.dashboard, icon: LayoutDashboard },
  { href: '/campaigns', label: strings.shell.campaigns, icon: Send },
  { href: '/journeys', label: strings.shell.journeys, icon: Waypoints },
  { href: '/segments', label: strings.shell.segments, icon: Filter },
  { href: '/customers', label: strings.shell.customers, icon: Users },
  { href: '/customers/lists', label: strings.shell.lists, icon: ListIcon, nested: true },
  { href: '/customers/forms', label: strings.shell.forms, icon: ClipboardPen, nested: true },
  { href: '/customers/uploads', label: strings.shell.uploads, icon: Upload, nested: true },
  { href: '/customers/fields', label: strings.shell.fields, icon: Columns3, nested: true },
  { href: '/customers/exports', label: strings.shell.exports, icon: FileDown, nested: true },
  { href: '/templates', label: strings.shell.templates, icon: LayoutTemplate },
  { href: '/suppression', label: strings.shell.suppression, icon: Ban },
  { href: '/smtp', label: strings.shell.smtp, icon: Server },
  { href: '/reports', label: strings.shell.reports, icon: ChartColumn },
];
export const footDestinations: readonly Destination[] = [
  { href: '/mail-catcher', label: strings.shell.mailCatcher, icon: Inbox },
  { href: '/settings', label: strings.shell.settings, icon: Settings },
];

/** The destination a path belongs to: the longest address that begins it. */
export function currentDestination(path: string): string {
  const all = [...destinations, ...footDestinations].filter(({ href }) => (href === '/' ? path === '/' : path === href || path.startsWith(`${href}/`)));
  return all.reduce((best, { href }) => (href.length > best.length ? href : best), '');
}
