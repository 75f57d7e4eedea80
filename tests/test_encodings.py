"""Which encoding bytes are likeliest in: it is proposed to a person, who would read a wrong one as wrong letters."""

import pytest

from bywords.io.encodings import likeliest_encoding

SAID = [
    (
        "French",
        "cp1252",
        "Le colis n° 12 a été livré à Genève, où ça coûte très cher; déjà payé.",
    ),
    ("German", "cp1252", "Größe und Maß passen nicht, die Rechnung ist überfällig, schöne Grüße aus Köln."),
    ("Spanish", "cp1252", "El señor pidió la devolución según el año pasado; ¿qué pasó? ¡No llegó el envío!"),
    ("Portuguese", "cp1252", "Não recebi a encomenda, já paguei a fatura e a devolução é urgente, atenção."),
    (
        "Swedish",
        "cp1252",
        "Jag har inte fått min försändelse från er ännu och frågar därför vad det är för fel.",
    ),
    ("Danish", "cp1252", "Jeg har ikke fået min pakke endnu, og spørger derfor om øen og Århus."),
    (
        "Polish",
        "cp1250",
        "Paczka nie dotarła, proszę o zwrot pieniędzy; kupiłem łóżko i cztery krzesła.",
    ),
    ("Czech", "cp1250", "Zásilka nepřišla, prosím o vrácení peněz; účet byl zaplacen včera, děkuji za pomoc a řešení."),
    (
        "Hungarian",
        "cp1250",
        "A csomag nem érkezett meg, kérem a pénz visszatérítését; a fizetős szolgáltatás nem működő.",
    ),
    (
        "Turkish",
        "cp1254",
        "Ödeme yapılmadı ve işlem başarısız oldu, lütfen yardım edin, iyi akşamlar.",
    ),
    (
        "Lithuanian",
        "cp1257",
        "Siuntinys dar neatėjo, prašau grąžinti pinigus, sąskaita apmokėta, ačiū už jūsų darbą.",
    ),
    (
        "Latvian",
        "cp1257",
        "Sūtījums vēl nav pienācis, lūdzu, atmaksājiet naudu; rēķins jau ir samaksāts.",
    ),
    ("French of an old Mac", "mac_roman", "Le colis a été livré à Genève, où ça coûte très cher; déjà payé."),
    (
        "German of DOS",
        "cp437",
        "Größe und Maß passen nicht, die Rechnung ist überfällig, schöne Grüße aus Köln.",
    ),
    ("Russian", "cp1251", "Посылка ещё не пришла, верните деньги, пожалуйста, счёт уже оплачен, спасибо за помощь."),
    ("Japanese", "cp932", "荷物がまだ届いていません。返金をお願いします。もう支払いました。"),
]


@pytest.mark.parametrize("n_lines", [1, 4, 100])
@pytest.mark.parametrize(("language", "encoding", "said"), SAID, ids=[case[0] for case in SAID])
def test_a_text_is_read_as_it_was_written_however_much_there_is_of_it(language, encoding, said, n_lines):
    data = "\n".join(f"{number};{said}" for number in range(n_lines)).encode(encoding)
    assert data.decode(likeliest_encoding(data)) == data.decode(encoding)
