// The words of the interface in Vietnamese, by the English ones. `{name}` stands for a value.

export const VIETNAMESE = {
  // The page
  "Tools": "Công cụ",
  "Language": "Ngôn ngữ",
  "Open a PNG…": "Mở tệp PNG…",
  "Download this page": "Tải trang này",
  "Copy link": "Sao chép liên kết",
  "Keys": "Phím tắt",
  "What to draw": "Vẽ gì",
  "Describe a picture": "Mô tả một bức ảnh",
  "… and where it goes": "… đến những lời này",
  "Bundle": "Gói mô hình",
  "Seed": "Seed",
  "Roll a new seed": "Gieo seed mới",
  "Roll a new seed (R)": "Gieo seed mới (R)",
  "Keep the seed when the words change": "Giữ seed khi lời thay đổi",
  "Keep the seed when the words change (L)": "Giữ seed khi lời thay đổi (L)",
  "Pictures": "Ảnh",
  "Truncation": "Thu hẹp nhiễu",
  "Below 1: less noise, pictures more alike": "Dưới 1: ít nhiễu hơn, ảnh giống nhau hơn",
  "Draw 4, keep the best": "Vẽ 4, giữ ảnh tốt nhất",
  "What to look at": "Xem gì",
  "Between prompts": "Giữa hai câu",
  "Between pictures": "Giữa hai ảnh",
  "Try again": "Thử lại",
  "Play": "Phát",
  "Pause": "Tạm dừng",
  "Position on the way": "Vị trí trên đường đi",
  "Frames": "Khung hình",
  "a second": "mỗi giây",
  "All pictures": "Tất cả ảnh",
  "How far away": "Cách bao xa",
  "Pin": "Ghim",
  "Grid": "Bảng ảnh",
  "Film (WebP)": "Phim (WebP)",
  "Film (GIF)": "Phim (GIF)",
  "Strip (PNG)": "Dải ảnh (PNG)",
  "Copy as command": "Sao chép lệnh",
  "Copy as Python": "Sao chép mã Python",
  "Pinned, to compare": "Đã ghim, để so sánh",
  "More about the words": "Thêm về lời mô tả",
  "What the model sees": "Mô hình thấy gì",
  "To start from": "Gợi ý để bắt đầu",
  "Drop a picture that captiongan drew:": "Thả vào đây một ảnh do captiongan vẽ:",
  "its words and its seed come back.": "lời mô tả và seed của nó sẽ trở lại.",
  "to the words": "đến ô mô tả",
  "in the words: draw at once; on a picture: variations of it":
    "trong ô mô tả: vẽ ngay; trên một ảnh: các biến thể của ảnh đó",
  "from picture to picture": "từ ảnh này sang ảnh khác",
  "on a picture: pin it, download it": "trên một ảnh: ghim, tải về",
  "on a picture: an end of the film between pictures":
    "trên một ảnh: lấy làm một đầu của phim giữa hai ảnh",
  "back from variations to all pictures": "từ các biến thể trở lại tất cả ảnh",
  "play or pause the film": "phát hoặc tạm dừng phim",
  "roll a new seed; lock it": "gieo seed mới; khoá seed",
  "this list": "bảng này",
  "Use keys without Ctrl or Alt": "Dùng phím tắt không cần Ctrl hay Alt",
  "Close": "Đóng",
  "This server asks for a token": "Máy chủ này yêu cầu token",
  "Whoever runs it gave it with": "Người chạy máy chủ đặt token bằng",
  ". It is kept until this tab is closed.": ". Nó được giữ cho đến khi bạn đóng thẻ này.",
  "That was not it.": "Token chưa đúng.",
  "Token": "Token",
  "Use it": "Dùng token này",
  "Copy this": "Sao chép đoạn này",
  "The browser lets a page copy only over HTTPS, or on its own machine.":
    "Trình duyệt chỉ cho trang tự sao chép qua HTTPS, hoặc trên chính máy này.",
  "Loading": "Đang tải",
  "Licences": "Giấy phép",

  // Titles and labels
  "{size} pixels, version {version}": "{size} điểm ảnh, phiên bản {version}",
  "From these words …": "Từ những lời này …",
  "Towards seed": "Về phía seed",
  "From words to words": "Từ lời này sang lời kia",
  "Choose two pictures for the ends": "Chọn hai ảnh cho hai đầu phim",
  "Variations of seed {around}": "Các biến thể của seed {around}",
  "The best of {candidates} each, of seeds {seed} to {last}":
    "Ảnh tốt nhất trong mỗi {candidates} ảnh, seed {seed} đến {last}",
  "Seed {seed}": "Seed {seed}",
  "Seeds {seed} to {last}": "Seed {seed} đến {last}",
  "seed {seed}": "seed {seed}",
  "near seed {around}": "gần seed {around}",
  "towards seed {seed}": "về phía seed {seed}",
  "score {score}": "điểm {score}",
  "Seed {seed}, and what is near it": "Seed {seed}, và những gì ở gần nó",
  "{percent} % of the way from seed {around} to seed {seed}":
    "{percent} % quãng đường từ seed {around} đến seed {seed}",
  "{percent} % of the way": "{percent} % quãng đường",
  "{percent} % of the way from {from} to {to}": "{percent} % quãng đường từ {from} đến {to}",
  "Look at it": "Xem ảnh này",
  "An end of the film": "Một đầu của phim",
  "An end of the film (F)": "Một đầu của phim (F)",
  "Variations": "Các biến thể",
  "Pin (P)": "Ghim (P)",
  "Download PNG (D)": "Tải PNG (D)",
  "Pin {words}": "Ghim {words}",
  "Download {words}": "Tải {words}",
  "Film to or from {words}": "Phim đến hoặc từ {words}",
  "Go back to these words and this seed": "Trở lại lời mô tả và seed này",
  "Pinned: {prompt}, {name}": "Đã ghim: {prompt}, {name}",
  "Unpin {prompt}, {name}": "Bỏ ghim {prompt}, {name}",
  "Tokens of: {prompt}": "Các token của: {prompt}",
  "rare or absent in the captions that the model learned from":
    "hiếm hoặc không có trong các câu mô tả mà mô hình đã học",
  "(not known)": "(không biết)",
  "In English: {gloss}": "Bằng tiếng Anh: {gloss}",

  // What it says
  "Describe a picture in words.": "Hãy mô tả một bức ảnh bằng lời.",
  "1 picture in {milliseconds} ms.": "1 ảnh trong {milliseconds} ms.",
  "{count} pictures in {milliseconds} ms.": "{count} ảnh trong {milliseconds} ms.",
  "{count} frames in {milliseconds} ms.": "{count} khung hình trong {milliseconds} ms.",
  "The model hardly knows {words}.": "Mô hình hầu như không biết {words}.",
  "“{word}” (did you mean “{other}”?)": "“{word}” (ý bạn là “{other}”?)",
  "It hardly follows words that negate or count: {words}.":
    "Mô hình hầu như không theo những từ phủ định hoặc chỉ số lượng: {words}.",
  "It hardly knows sentences like this: its captions are about something else.":
    "Mô hình hầu như không biết những câu như thế này: các mô tả mà nó đã học nói về thứ khác.",
  "It is too long: the end is not read.": "Câu quá dài: phần cuối không được đọc.",
  "The rest is not read.": "Phần còn lại không được đọc.",
  "There is no bundle “{wanted}” here: {name} draws instead.":
    "Ở đây không có gói “{wanted}”: {name} vẽ thay.",
  "A film needs two different pictures.": "Một bộ phim cần hai ảnh khác nhau.",
  "The film begins at seed {seed}.": "Phim bắt đầu ở seed {seed}.",
  "The film ends at seed {seed}.": "Phim kết thúc ở seed {seed}.",
  "It is pinned already.": "Ảnh này đã được ghim rồi.",
  "{count} pictures are pinned; take one off first.": "Đã ghim {count} ảnh; hãy bỏ bớt một ảnh trước.",
  "Pinned, {name}.": "Đã ghim, {name}.",
  "Downloaded {name}.": "Đã tải {name}.",
  "Downloaded.": "Đã tải xong.",
  "Making the page …": "Đang tạo trang …",
  "Downloaded: it opens by a double click, and needs no server.":
    "Đã tải xong: nhấp đúp để mở, không cần máy chủ.",
  "Command copied.": "Đã sao chép lệnh.",
  "Python copied.": "Đã sao chép mã Python.",
  "Link copied.": "Đã sao chép liên kết.",
  "{file} is not a PNG that captiongan wrote: it holds no words and no seed.":
    "{file} không phải là tệp PNG do captiongan ghi: trong đó không có lời mô tả và seed.",
  "The command captiongan restyle draws any picture again in other words.":
    "Lệnh captiongan restyle vẽ lại một ảnh bất kỳ theo lời mô tả khác.",
  "{file} is back.": "{file} đã trở lại.",
  "It was drawn by version {version} of {name}, here is {here}.":
    "Ảnh được vẽ bằng phiên bản {version} của {name}, ở đây là {here}.",
  "It has several stops: the first and the last are here.":
    "Nó có nhiều chặng: ở đây là chặng đầu và chặng cuối.",
  "Its noise moved, too: here it stays that of the first seed.":
    "Nhiễu của nó cũng thay đổi: ở đây nhiễu giữ nguyên của seed đầu tiên.",
  "It shows several sentences: the first is here.": "Nó gồm nhiều câu: ở đây là câu đầu tiên.",
  "It shows the best of several: the first is here.":
    "Nó gồm những ảnh tốt nhất: ở đây là ảnh đầu tiên.",
  "It has no seed, its noise was read off another picture: only its words are here.":
    "Nó không có seed, nhiễu của nó được đọc từ một ảnh khác: ở đây chỉ có lời mô tả.",
  "The server is busy; trying again in {seconds} s.": "Máy chủ đang bận; thử lại sau {seconds} giây.",

  // Errors of the page, of the engine in the browser, and of the server
  "The server does not answer; see whether captiongan serve still runs.":
    "Máy chủ không trả lời; hãy xem captiongan serve còn chạy không.",
  "The server answered {status} without a word why.":
    "Máy chủ trả lời {status} mà không nói lý do.",
  "{count} pictures are waiting to be drawn; try again in a moment":
    "{count} ảnh đang chờ vẽ; hãy thử lại sau giây lát",
  "{count} requests are being answered; try again in a moment":
    "máy chủ đang trả lời {count} yêu cầu; hãy thử lại sau giây lát",
  "prompt {sentence} has no words; describe a picture in words":
    "{sentence} không có từ nào; hãy mô tả một bức ảnh bằng lời",
  "prompt {sentence}: {count} of {words} words are unknown ({unknown}), at most half may be; bundle '{bundle}' was trained on English captions; use plain words for what it draws":
    "{sentence}: {count} trong {words} từ là từ lạ ({unknown}), tối đa một nửa; hãy dùng những từ đơn giản cho những gì gói '{bundle}' vẽ",
  "prompt is not a text; give one sentence": "Lời mô tả không phải là văn bản; hãy viết một câu",
  "prompt is empty; describe a picture in words": "Ô mô tả để trống; hãy mô tả một bức ảnh bằng lời",
  "prompt has {count} characters, at most {most} are allowed; give one sentence":
    "Lời mô tả có {count} ký tự, tối đa {most}; hãy viết một câu",
  "prompt has a control character at position {place}, none is allowed; put a space in its place":
    "Lời mô tả có ký tự điều khiển ở vị trí {place}, không được phép; hãy thay bằng dấu cách",
  "prompt has no words; describe a picture in words":
    "Lời mô tả không có từ nào; hãy mô tả một bức ảnh bằng lời",
  "prompt {count} of {words} words are unknown ({unknown}), at most half may be; bundle '{bundle}' was trained on English captions; use plain words for what it draws":
    "{count} trong {words} từ là từ lạ ({unknown}), tối đa một nửa; hãy dùng những từ đơn giản cho những gì gói '{bundle}' vẽ",
  "this page is incomplete: its file was cut short; get it again":
    "trang này không đầy đủ: tệp bị cắt cụt; hãy lấy lại trang",
  "this folder needs a web server; try `python -m http.server` in it, or make the page one file":
    "thư mục này cần một máy chủ web; hãy thử `python -m http.server` trong đó, hoặc tạo trang thành một tệp",
  "a part of this page cannot be loaded; see whether you are connected":
    "một phần của trang không tải được; hãy xem bạn còn kết nối mạng không",
  "a part of this page is missing ({status})": "thiếu một phần của trang ({status})",
  "a part of this page is damaged; get the page again":
    "một phần của trang bị hỏng; hãy lấy lại trang",
  "the page cannot draw ({why})": "trang không vẽ được ({why})",
  "the text encoder does not fit the generator": "bộ mã hoá văn bản không hợp với bộ sinh",

  // What each word did
  "What each word did": "Mỗi từ làm gì",
  "What each word did here": "Mỗi từ làm gì ở đây",
  "The words, and what each changes": "Các từ, và mỗi từ thay đổi gì",
  "Each map shows where the picture changes if the word is left out, with the same noise: red a little, yellow most. The number is the mean change, in levels of 0 to 255.":
    "Mỗi bản đồ cho thấy ảnh thay đổi ở đâu nếu bỏ từ đó đi, với cùng một nhiễu: đỏ là ít, vàng là nhiều nhất. Con số là mức thay đổi trung bình, theo thang 0 đến 255.",
  "Choose another picture": "Chọn một ảnh khác",
  "Seed {seed}, all words": "Seed {seed}, đủ mọi từ",
  "Without “{word}” the picture changes by {levels} levels on average":
    "Bỏ “{word}” thì ảnh thay đổi trung bình {levels} mức",
  "prompt '{prompt}' has one word; a word is explained by the others, so give two at least":
    "'{prompt}' chỉ có một từ; một từ được giải thích nhờ các từ khác, nên hãy viết ít nhất hai từ",
  "{count} words in {milliseconds} ms.": "{count} từ trong {milliseconds} ms.",
};
