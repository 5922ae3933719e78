"""Names of streets, places and shops in Kazakh, Russian and English, as people there write them.

Streets carry a stem that is declined differently in the three languages: Kazakh puts the kind
last («Абай даңғылы»), Russian first and the person in the genitive («проспект Абая»).
"""

from __future__ import annotations

from typing import NamedTuple


class Name(NamedTuple):
    """One name in the three languages of a Kazakh city."""

    kk: str
    ru: str
    en: str


def _names(text: str) -> tuple[Name, ...]:
    rows = (line.split("|") for line in text.strip().splitlines())
    return tuple(Name(kk.strip(), ru.strip(), en.strip()) for kk, ru, en in rows)


AVENUE_STEMS = _names("""
Әбілқайыр хан | Абилкайыр хана | Abilkaiyr Khan
Абай | Абая | Abay
Тәуелсіздік | Тауелсиздик | Tauelsizdik
Республика | Республики | Respublika
Қазыбек би | Казыбек би | Kazybek Bi
Төле би | Толе би | Tole Bi
Әйтеке би | Айтеке би | Aiteke Bi
Санкібай батыр | Санкибай батыра | Sankibay Batyr
Бауыржан Момышұлы | Бауыржана Момышулы | Bauyrzhan Momyshuly
Қабанбай батыр | Кабанбай батыра | Kabanbay Batyr
Абылай хан | Абылай хана | Abylai Khan
Райымбек батыр | Райымбек батыра | Raiymbek Batyr
Тұран | Туран | Turan
Достық | Достык | Dostyk
Жібек жолы | Жибек жолы | Zhibek Zholy
Әл-Фараби | аль-Фараби | Al-Farabi
Мәңгілік Ел | Мангилик Ел | Mangilik El
Жеңіс | Жениса | Zhenis
Тәуке хан | Тауке хана | Tauke Khan
Бейбітшілік | Бейбитшилик | Beibitshilik
Сарыарқа | Сарыарка | Saryarka
Кенесары хан | Кенесары хана | Kenesary Khan
Астана | Астана | Astana
Желтоқсан | Желтоксан | Zheltoksan
""")

STREET_STEMS = _names("""
Ағайынды Жұбановтар | Братьев Жубановых | Zhubanov Brothers
Әлия Молдағұлова | Алии Молдагуловой | Aliya Moldagulova
Мәншүк Мәметова | Маншук Маметовой | Manshuk Mametova
Бөкенбай батыр | Бокенбай батыра | Bokenbay Batyr
Есет батыр | Есет батыра | Eset Batyr
Бөгенбай батыр | Богенбай батыра | Bogenbay Batyr
Наурызбай батыр | Наурызбай батыра | Nauryzbay Batyr
Қобыланды батыр | Кобыланды батыра | Kobylandy Batyr
Шернияз | Шернияза | Sherniyaz
Маресьев | Маресьева | Maresyev
Тургенев | Тургенева | Turgenev
Некрасов | Некрасова | Nekrasov
Ломоносов | Ломоносова | Lomonosov
Пушкин | Пушкина | Pushkin
Гоголь | Гоголя | Gogol
Гагарин | Гагарина | Gagarin
Тимирязев | Тимирязева | Timiryazev
Панфилов | Панфилова | Panfilov
Ыбырай Алтынсарин | Ыбырая Алтынсарина | Ybyrai Altynsarin
Жамбыл Жабаев | Жамбыла Жабаева | Zhambyl Zhabayev
Қаныш Сәтбаев | Каныша Сатпаева | Kanysh Satpayev
Мұхтар Әуезов | Мухтара Ауэзова | Mukhtar Auezov
Сәкен Сейфуллин | Сакена Сейфуллина | Saken Seifullin
Бейімбет Майлин | Беимбета Майлина | Beimbet Mailin
Ілияс Жансүгіров | Ильяса Жансугурова | Ilyas Zhansugurov
Ілияс Есенберлин | Ильяса Есенберлина | Ilyas Yesenberlin
Ғабит Мүсірепов | Габита Мусрепова | Gabit Musrepov
Сәбит Мұқанов | Сабита Муканова | Sabit Mukanov
Мұқағали Мақатаев | Мукагали Макатаева | Mukagali Makatayev
Мағжан Жұмабаев | Магжана Жумабаева | Magzhan Zhumabayev
Ахмет Байтұрсынұлы | Ахмета Байтурсынулы | Akhmet Baitursynuly
Міржақып Дулатұлы | Миржакыпа Дулатулы | Mirzhakyp Dulatuly
Шәкәрім Құдайбердіұлы | Шакарима Кудайбердиулы | Shakarim Kudaiberdiuly
Әлихан Бөкейхан | Алихана Бокейхана | Alikhan Bokeikhan
Мұстафа Шоқай | Мустафы Шокая | Mustafa Shokay
Тұрар Рысқұлов | Турара Рыскулова | Turar Ryskulov
Сұлтан Бейбарыс | Султана Бейбарыса | Sultan Beibarys
Бұқар жырау | Бухар жырау | Bukhar Zhyrau
Асан қайғы | Асан кайгы | Asan Kaigy
Қорқыт ата | Коркыт ата | Korkyt Ata
Құрманғазы | Курмангазы | Kurmangazy
Дина Нұрпейісова | Дины Нурпеисовой | Dina Nurpeisova
Қажымұқан | Кажымукана | Kazhymukan
Амангелді Иманов | Амангельды Иманова | Amangeldi Imanov
Исатай Тайманов | Исатая Тайманова | Isatay Taimanov
Махамбет Өтемісұлы | Махамбета Утемисова | Makhambet Utemisuly
Шоқан Уәлиханов | Шокана Уалиханова | Shokan Ualikhanov
Сырым Датұлы | Сырыма Датова | Syrym Datuly
Нұрпейіс Байғанин | Нурпеиса Байганина | Nurpeis Baiganin
Тұрғыт Озал | Тургута Озала | Turgut Ozal
Дінмұхамед Қонаев | Динмухамеда Кунаева | Dinmukhamed Kunayev
Жұмабек Тәшенов | Жумабека Ташенева | Zhumabek Tashenev
Ораз Жандосов | Ураза Жандосова | Oraz Zhandosov
Тоқаш Бокин | Токаша Бокина | Tokash Bokin
Нұрғиса Тілендиев | Нургисы Тлендиева | Nurgisa Tlendiyev
Шәкен Айманов | Шакена Айманова | Shaken Aimanov
Жамал Омарова | Жамал Омаровой | Zhamal Omarova
Күләш Байсейітова | Куляш Байсеитовой | Kulyash Baiseitova
Әміре Қашаубаев | Амре Кашаубаева | Amre Kashaubayev
Біржан сал | Биржан сала | Birzhan Sal
Ақан сері | Акан сери | Akan Seri
Естай | Естая | Yestay
Дәулеткерей | Даулеткерея | Dauletkerey
Тәттімбет | Таттимбета | Tattimbet
Ықылас Дүкенұлы | Ыкыласа Дукенулы | Ykylas Dukenuly
Байдібек би | Байдибек би | Baidibek Bi
Домалақ ана | Домалак ана | Domalak Ana
Қыз Жібек | Кыз Жибек | Kyz Zhibek
Ер Тарғын | Ер Таргын | Er Targyn
Алпамыс батыр | Алпамыс батыра | Alpamys Batyr
Қарасай батыр | Карасай батыра | Karasai Batyr
Жалаңтөс батыр | Жалантос батыра | Zhalantos Batyr
Керей хан | Керей хана | Kerei Khan
Жәнібек хан | Жанибек хана | Zhanibek Khan
Қасым хан | Касым хана | Kasym Khan
Ұлытау | Улытау | Ulytau
Хан Тәңірі | Хан Тенгри | Khan Tengri
Көкжиек | Кокжиек | Kokzhiek
Елек | Илек | Ilek
Жайық | Жайык | Zhaiyk
Ертіс | Иртыш | Irtysh
Сырдария | Сырдария | Syrdariya
Алатау | Алатау | Alatau
Бәйтерек | Байтерек | Baiterek
Наурыз | Наурыз | Nauryz
Көктем | Коктем | Koktem
Арай | Арай | Arai
Шұғыла | Шугыла | Shugyla
Самал | Самал | Samal
Қызғалдақ | Кызгалдак | Kyzgaldak
""")

HUBS = _names("""
Теміржол вокзалы | Железнодорожный вокзал | Railway Station
Орталық базар | Центральный рынок | Central Market
Қала әкімдігі | Акимат города | City Hall
Автовокзал | Автовокзал | Bus Station
Университет | Университет | University
Драма театры | Драматический театр | Drama Theatre
Облыстық аурухана | Областная больница | Regional Hospital
Орталық стадион | Центральный стадион | Central Stadium
Орталық мешіт | Центральная мечеть | Central Mosque
Орталық саябақ | Центральный парк | Central Park
Оқушылар сарайы | Дворец школьников | Schoolchildren's Palace
Мұз сарайы | Ледовый дворец | Ice Palace
Цирк | Цирк | Circus
Халыққа қызмет көрсету орталығы | Центр обслуживания населения | Public Service Centre
""")

EDGE_PLACES = _names("""
Әуежай | Аэропорт | Airport
Автобус паркі | Автобусный парк | Bus Depot
Жылу электр орталығы | ТЭЦ | Heat and Power Plant
Ферроқорытпа зауыты | Завод ферросплавов | Ferroalloy Plant
Көлік базары | Авторынок | Car Market
Көтерме базар | Оптовый рынок | Wholesale Market
Ботаникалық бақ | Ботанический сад | Botanical Garden
Онкологиялық орталық | Онкологический центр | Cancer Centre
Саяжайлар | Дачи | Dachas
Өнеркәсіп аймағы | Промзона | Industrial Zone
""")

VILLAGES = _names("""
Ақжар ауылы | Село Акжар | Akzhar Village
Жаңақоныс ауылы | Село Жанаконыс | Zhanakonys Village
Бірлік ауылы | Село Бирлик | Birlik Village
Қызылжар ауылы | Село Кызылжар | Kyzylzhar Village
Сарытөбе ауылы | Село Сарытобе | Sarytobe Village
Қайнар ауылы | Село Кайнар | Kainar Village
Майтөбе ауылы | Село Майтобе | Maitobe Village
Қарабұлақ ауылы | Село Карабулак | Karabulak Village
""")

LANDMARKS = _names("""
Балалар ауруханасы | Детская больница | Children's Hospital
Перзентхана | Родильный дом | Maternity Hospital
Жедел жәрдем станциясы | Станция скорой помощи | Ambulance Station
Диагностикалық орталық | Диагностический центр | Diagnostic Centre
Бас пошта | Главпочтамт | Main Post Office
Орталық кітапхана | Центральная библиотека | Central Library
Политехникалық колледж | Политехнический колледж | Polytechnic College
Медициналық колледж | Медицинский колледж | Medical College
Педагогикалық институт | Педагогический институт | Pedagogical Institute
Музыка мектебі | Музыкальная школа | Music School
Жастар сарайы | Дворец молодёжи | Youth Palace
Неке сарайы | Дворец бракосочетания | Wedding Palace
Қуыршақ театры | Театр кукол | Puppet Theatre
Тарихи-өлкетану мұражайы | Историко-краеведческий музей | Local History Museum
Жеңіс саябағы | Парк Победы | Victory Park
Өрт сөндіру бөлімі | Пожарная часть | Fire Station
Нан зауыты | Хлебозавод | Bakery Plant
Сүт зауыты | Молокозавод | Dairy Plant
Тігін фабрикасы | Швейная фабрика | Garment Factory
Жиһаз фабрикасы | Мебельная фабрика | Furniture Factory
Құрылыс материалдары дүкені | Стройматериалы | Building Materials
Спорт кешені | Спорткомплекс | Sports Complex
Жүзу бассейні | Плавательный бассейн | Swimming Pool
Облыстық сот | Областной суд | Regional Court
Салық басқармасы | Налоговое управление | Tax Office
Полиция басқармасы | Управление полиции | Police Department
Ескі мешіт | Старая мечеть | Old Mosque
Никольский шіркеуі | Никольская церковь | St Nicholas Church
Су мұнарасы | Водонапорная башня | Water Tower
Жағалау | Набережная | Embankment
""")

TITLES = _names("""
Арман | Арман | Arman
Мерей | Мерей | Merey
Береке | Береке | Bereke
Сұңқар | Сункар | Sunkar
Тұлпар | Тулпар | Tulpar
Жұлдыз | Жулдыз | Zhuldyz
Шапағат | Шапагат | Shapagat
Болашақ | Болашак | Bolashak
Алтын Орда | Алтын Орда | Altyn Orda
Керуен | Керуен | Keruen
Дидар | Дидар | Didar
Отау | Отау | Otau
Жайлау | Жайлау | Zhailau
Сәулет | Саулет | Saulet
Аққу | Акку | Akku
Қарлығаш | Карлыгаш | Karlygash
Балауса | Балауса | Balausa
Рахат | Рахат | Rakhat
Ақ жол | Ак жол | Ak Zhol
Әсем | Асем | Asem
Нұр | Нур | Nur
Тұмар | Тумар | Tumar
Айгүл | Айгуль | Aigul
Жазира | Жазира | Zhazira
""")

DISTRICTS = _names("""
Самал | Самал | Samal
Көктем | Коктем | Koktem
Нұрсая | Нурсая | Nursaya
Ақкент | Аккент | Akkent
Жетісу | Жетысу | Zhetysu
Астана | Астана | Astana
Шұғыла | Шугыла | Shugyla
Алтын ауыл | Алтын ауыл | Altyn Auyl
Таугүл | Таугуль | Taugul
Орбита | Орбита | Orbita
Құрылысшы | Курылысшы | Kurylysshy
Теректі | Теректи | Terekti
Қайтпас | Кайтпас | Kaitpas
Нұртас | Нуртас | Nurtas
Самұрық | Самрук | Samruk
Асар | Асар | Asar
Достық | Достык | Dostyk
Жаңа қала | Жана кала | Zhana Kala
Батыс | Батыс | Batys
Шаңырақ | Шанырак | Shanyrak
Ақбұлақ | Акбулак | Akbulak
Айгерім | Айгерим | Aigerim
Думан | Думан | Duman
Қалқаман | Калкаман | Kalkaman
Құлагер | Кулагер | Kulager
Мамыр | Мамыр | Mamyr
Жұлдыз | Жулдыз | Zhuldyz
Сайран | Сайран | Sairan
Тастақ | Тастак | Tastak
Саялы | Саялы | Sayaly
Әл-Фараби | Аль-Фараби | Al-Farabi
Наурыз | Наурыз | Nauryz
Тұран | Туран | Turan
Қызғалдақ | Кызгалдак | Kyzgaldak
""")

COLOURS: tuple[str, ...] = (
    "1F77B4", "C0392B", "1E8449", "7D3C98", "B9770E", "117A65", "2C3E50", "AF601A",
    "922B21", "1A5276", "6C3483", "0E6655", "9A7D0A", "5B2C6F", "A93226", "21618C",
)  # fmt: skip
"""Route colours dark enough for white text."""
