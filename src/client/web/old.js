// For browsers that know no modules: a sentence instead of a page that never begins.

document.getElementById('old').removeAttribute('hidden');
document.getElementById('status').textContent = '';
