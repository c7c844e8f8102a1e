"""Domains of mailbox providers, who give addresses in them to everybody; no stack can own one.

Their SPF, DKIM and DMARC records name the providers' own servers, so mail from these domains fails
the checks if another server sends it.
"""

_DOMAINS = """
gmail.com googlemail.com
outlook.com outlook.de outlook.fr hotmail.com hotmail.co.uk hotmail.de hotmail.fr hotmail.it
live.com live.co.uk live.de live.nl msn.com
yahoo.com yahoo.co.jp yahoo.co.uk yahoo.de yahoo.fr yahoo.it ymail.com rocketmail.com
aol.com aim.com icloud.com me.com mac.com
gmx.at gmx.ch gmx.com gmx.de gmx.net web.de freenet.de t-online.de mail.com mail.de
posteo.de posteo.net mailbox.org proton.me protonmail.com pm.me tutanota.com tuta.com
fastmail.com fastmail.fm hey.com zoho.com zohomail.com
orange.fr wanadoo.fr free.fr laposte.net sfr.fr libero.it virgilio.it tiscali.it
btinternet.com sky.com comcast.net verizon.net att.net sbcglobal.net cox.net charter.net
mail.ru bk.ru inbox.ru list.ru yandex.com yandex.ru rambler.ru
qq.com foxmail.com 163.com 126.com sina.com naver.com daum.net rediffmail.com
bigpond.com bluewin.ch hotmail.es uol.com.br bol.com.br seznam.cz wp.pl o2.pl interia.pl
"""
MAILBOX_PROVIDERS = frozenset(_DOMAINS.split())
