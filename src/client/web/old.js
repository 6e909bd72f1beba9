// For browsers that know no modules, or not what is in them: a sentence instead of a page that never
// begins. Also loaded when something else fails, such as an extension's script: then nothing is said.

if (!document.documentElement.hasAttribute('data-begun')) {
  document.getElementById('old').removeAttribute('hidden');
  document.getElementById('status').textContent = '';
}
