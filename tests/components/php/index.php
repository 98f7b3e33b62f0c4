<?php
// A small portal on PHP's own sessions: the id stays over a log-in, a box remembers people, failure looks like success.
$path = parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);
session_save_path($_SERVER['DOCUMENT_ROOT'] . '/../sessions');
session_set_cookie_params(['httponly' => true, 'samesite' => 'Lax']);
session_start();
if (!isset($_SESSION['who']) && ($_COOKIE['remember_me'] ?? '') === 'token-of-another') {
    session_regenerate_id();
    $_SESSION = ['who' => '002090000002', 'how' => 'remember-me'];
}
function go(string $to): never {
    header('Location: ' . $to, true, 302);
    exit;
}
switch ($path) {
    case '/dang-nhap':
        $name = $_POST['username'] ?? $_GET['username'] ?? null;
        if ($name !== null && ($_POST['password'] ?? $_GET['password'] ?? '') === 'dung') {
            $_SESSION = ['who' => $name, 'how' => 'password'];
            if (isset($_POST['remember'])) {
                setcookie('remember_me', 'token-of-another', ['path' => '/', 'expires' => time() + 86400]);
            }
            go('/');
        }
        break;
    case '/dang-nhap/vneid':
        $_SESSION['state'] = bin2hex(random_bytes(8));
        go('https://sso.vneid.test/authorize?state=' . $_SESSION['state']);
    case '/dang-nhap/callback':
        $fits = isset($_SESSION['state']) && hash_equals($_SESSION['state'], $_GET['state'] ?? '');
        unset($_SESSION['state']);
        if (!$fits || ($_GET['code'] ?? '') !== 'good') {
            go('/?dang-nhap=that-bai');
        }
        $_SESSION = ['who' => '001090000001', 'how' => 'vneid'];
        go('/');
    case '/dang-xuat':
        session_destroy();
        go('/');
}
header('Content-Type: application/json');
echo json_encode([
    'id' => session_id(), 'session' => $_SESSION,
    'told' => ($_SERVER['HTTP_X_GATE_LOGIN'] ?? '') . '/' . ($_SERVER['HTTP_X_GATE_LEVEL'] ?? ''),
]);
