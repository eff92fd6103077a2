import { plural } from '$lib/format/format.svelte.ts';

export const templates = {
  title: 'Templates',
  description: 'Starts for mails. What is made from one is a copy: changing a template changes no mail.',
  new: 'New Template',
  tabs: { saved: 'Saved', gallery: 'Gallery', images: 'Images' }, tabsLabel: 'Templates',
  search: 'Search templates', counted: (size: number) => plural(size, 'template', 'templates'),
  name: 'Name', nameHelp: 'Only your team sees it.', namePlaceholder: 'Monthly newsletter', describe: 'Description', subject: 'Subject Line', preheader: 'Preheader Text', by: 'Made by', changed: 'Changed',
  emptyTitle: 'No saved templates yet', emptyText: 'Save a mail you like as a template, or begin with one of the gallery and make it yours.', toGallery: 'See the gallery',
  start: 'Start from', blank: 'Blank', blankHelp: 'An empty mail with a footer.',
  use: 'Use it', useTitle: (name: string) => `New campaign with “${name}”`, campaign: 'New campaign', customize: 'Customize',
  edit: 'Edit', duplicate: 'Duplicate', copyOf: (name: string) => `Copy of ${name}`, made: (name: string) => `Template “${name}” saved.`, saved: 'Template saved.',
  delete: 'Delete', deleteTitle: (name: string) => `Delete “${name}”?`, deleteConsequence: 'Mails made from it stay as they are.', deleted: 'Template deleted.',
  unsaved: 'Not saved yet', savedAt: 'Saved',
  leave: { title: 'Leave without saving?', text: 'What you changed in this template is lost.', leave: 'Leave without saving' },
  conflict: { title: 'Somebody else saved this template meanwhile', text: 'Load their version and lose your changes, or save what you changed on top of theirs.', theirs: 'Load theirs', mine: 'Save mine on top' },
  content: 'Content',

  choose: { title: 'Begin with a template', button: 'Templates', replaces: 'It takes the place of the content you have.', replaced: (name: string) => `Content replaced by “${name}”.`, undo: 'Undo', take: 'Take it', none: 'No saved templates yet.' },
  saveAs: { button: 'Save as template', title: 'Save as template', text: 'Content, subject and preheader are copied.' },

  images: {
    insert: 'Image', title: 'Insert an image', upload: 'Upload', uploading: (name: string) => `Uploading ${name}`, drop: 'Drop pictures here, or choose files.', kinds: 'PNG, JPEG, GIF or WebP, up to 5 MB.',
    search: 'Search images', counted: (size: number) => plural(size, 'image', 'images'), emptyTitle: 'No images yet', emptyText: 'Pictures you upload are served by this installation to whoever reads the mail.', noMatches: 'No image is called so.',
    size: (width: number, height: number) => `${width} × ${height}`, copy: 'Copy address', copied: 'Address copied.', copyFailed: 'The browser does not allow copying here.',
    delete: 'Delete', deleteTitle: (name: string) => `Delete “${name}”?`, deleteConsequence: 'Mails that were sent with it show its alternative text instead.', deleted: 'Image deleted.',
    alt: 'Alternative text', altHelp: 'Read aloud, and shown where images are blocked. Empty for mere decoration.', width: 'Width', pixels: 'pixels', chosen: 'Chosen', choose: (name: string) => `Choose ${name}`, insertAction: 'Insert', back: 'Choose another',
  },
};
